"""A talk that is cut at its pauses has the text of its sentences, under every policy, one after the other."""

import numpy as np
import pytest

from mgcm_fairseq.checks.sentences_in_music import minute
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.cut_talk import CutTalk
from mgcm_fairseq.evaluation.listening import listen_on
from mgcm_fairseq.spoken.voice import Voice, say_all
from tests.agents.feeding import feed, words
from tests.agents.policies import SOON, build

SAID = ("The teacher turns the lamp off.", "Did the old man sleep in the garden?")
PAUSE = [0.0] * 16_384  # whole chunks of silero-vad, as each sentence is here
CHUNK = 512


@pytest.fixture(scope="module")
def talk():
    """Two sentences, each of whole chunks, with silence around them."""
    samples = list(PAUSE)
    for one in say_all(Voice("m2", rate=200, pitch=50, volume=80), SAID):
        samples += [*one, *[0.0] * (-len(one) % CHUNK), *PAUSE]
    return samples


@pytest.fixture(scope="module")
def make(tiny_corpus, tiny_segmenting_checkpoint):
    return lambda policy, more="": build(policy, f"{SOON[policy][1]} --long-form {more}", tiny_segmenting_checkpoint,
                                         tiny_corpus)


def sentences(talk, system):
    found, going_on = [], []
    for part, over in CutTalk(500, system.longest).cut(talk, True):
        going_on += part
        if over:
            found.append(going_on)
            going_on = []
    return found


@pytest.mark.parametrize("policy", SOON)
def test_the_text_is_that_of_each_sentence_alone(make, tiny_corpus, tiny_segmenting_checkpoint, talk, policy):
    alone = build(policy, SOON[policy][1], tiny_segmenting_checkpoint, tiny_corpus)
    cut = sentences(talk, alone.system)
    assert len(cut) == 2
    expected = " ".join(words(feed(alone, one, 320)) for one in cut)
    agent = make(policy)
    for read_ms in (100, 1_000, 60_000):
        assert words(feed(agent, talk, read_ms)) == expected
    assert len(expected.split()) > 3


@pytest.mark.parametrize("policy", SOON)
@pytest.mark.parametrize("sound", [np.zeros(60 * 16_000, np.float32), minute("melody of training", 6)],
                         ids=["silence", "notes that silero-vad is sure of"])
def test_a_minute_without_speech_is_no_sentence_and_does_not_stay(make, policy, sound):
    agent, held, text = make(policy), [], ""
    for _, written in listen_on(agent, [sound], 1_000):
        held.append(agent.state_bytes())
        text += written
    assert text == ""
    assert len(held) == 60
    kept = 8 * (agent.system.longest + 2 * 16_000)  # numbers of eight bytes: what may yet be speech, and two reads
    assert max(held) <= kept + 20_000


@pytest.mark.parametrize("policy", SOON)
def test_one_sentence_fifty_times_gives_its_text_fifty_times(make, talk, policy):
    agent = make(policy)
    one = talk[:(len(talk) - len(PAUSE)) // 2 // CHUNK * CHUNK]
    first, both, all_of_them = (words(feed(agent, [*one, *PAUSE] * times, 60_000)).split() for times in (1, 2, 50))
    second = both[len(first):]  # whose cut may be a chunk longer, since silero-vad has heard speech before
    assert first
    assert second
    assert all_of_them == [*first, *second * 49]


def test_each_word_is_written_before_its_sentence_is_followed_by_another(make, talk):
    first, second = sentences(talk, make("wait-k").system)
    writes = feed(make("wait-k"), talk, 100)
    count = len(words(feed(make("wait-k"), [*first, *PAUSE], 100)).split())
    heard = [ms for ms, text in writes for _ in text.split()]
    assert max(heard[:count]) <= (len(PAUSE) + len(first) + 8_000) / 16 + 100
    assert min(heard[count:]) >= (len(talk) - len(PAUSE) - len(second)) / 16 - 300


@pytest.mark.parametrize("policy", SOON)
def test_the_same_sound_is_held_in_the_same_bytes_however_late_it_comes(make, talk, policy):
    agent, read = make(policy), 320 * 16
    sound = np.float32([*talk, *[0.0] * (-len(talk) % read)])
    reads = len(sound) // read
    held = [agent.state_bytes() for _ in listen_on(agent, [np.tile(sound, 6)], 320)]
    _, second, *later, _ = (held[first:first + reads] for first in range(0, 6 * reads, reads))
    assert len(set(second)) > 3, "it counts what a sentence holds"
    assert later == [second] * 3


@pytest.mark.parametrize(("more", "message"), [
    ("--sentences pauses --patience 2", "--patience: expected --sentences model too"),
    ("--pause-ms 0", "--pause-ms: expected 1 ms or more with --sentences pauses"),
])
def test_options_that_do_not_fit(make, more, message):
    with pytest.raises(InputError, match=message):
        make("wait-k", more)


@pytest.mark.parametrize("more", ["--sentences model", "--patience 2", "--pause-ms 300"])
def test_options_of_talks_need_a_talk(tiny_corpus, tiny_segmenting_checkpoint, more):
    with pytest.raises(InputError, match=f"{more.split()[0]}: expected --long-form too"):
        build("wait-k", f"--wait-k 1 {more}", tiny_segmenting_checkpoint, tiny_corpus)


def test_offline_needs_pauses(make):
    with pytest.raises(InputError, match="--long-form: expected a policy that translates while a sentence is spoken"):
        make("offline", "--sentences model")
