"""A talk is cut at the pauses that silero-vad hears: where somebody speaks, and the same for any size of reads."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.interludes import hiss, melody, silence
from mgcm_fairseq.decoding import voice_activity
from mgcm_fairseq.decoding.cut_talk import CutTalk
from mgcm_fairseq.decoding.steady_sound import SteadySound
from mgcm_fairseq.decoding.voice_activity import CHUNK, VoiceActivity
from mgcm_fairseq.spoken.voice import Voice, say_all

RATE = 16_000
SAID = ("The teacher turns the lamp off.", "Did the old man sleep in the garden?", "We often buy bread.")
PAUSES = (RATE, RATE // 2, 7 * RATE // 10, RATE)  # before, between and behind


def cut(samples, read, pause_ms=300, longest=20 * RATE):
    """The samples of each sentence."""
    sentences, found, going_on = CutTalk(pause_ms, longest), [], []
    for start in range(0, max(1, len(samples)), read):
        for part, over in sentences.cut(samples[start:start + read], start + read >= len(samples)):
            going_on += part
            if over:
                found.append(going_on)
                going_on = []
    assert not going_on
    return found


@pytest.fixture(scope="module")
def spoken():
    return [one.tolist() for one in say_all(Voice("m2", rate=200, pitch=50, volume=80), SAID)]


@pytest.fixture(scope="module")
def talk(spoken):
    samples = [0.0] * PAUSES[0]
    for one, pause in zip(spoken, PAUSES[1:], strict=True):
        samples += [*one, *[0.0] * pause]
    return samples


def test_each_sentence_is_cut_from_the_silence_around_it(spoken, talk):
    found = cut(talk, 5_120)
    assert len(found) == len(SAID)
    for samples, one in zip(found, spoken, strict=True):
        at = np.correlate(samples, one[2_000:6_000], "valid").argmax() - 2_000
        assert -CHUNK <= at <= 4 * CHUNK, "the speech begins at most a chunk before what is cut"
        assert -CHUNK <= len(samples) - at - len(one) <= 5 * CHUNK


@pytest.mark.parametrize("read", [100, 512, 7_777, 10**9])
def test_cuts_do_not_depend_on_reads(talk, read):
    assert cut(talk, read) == cut(talk, 1_000)


def test_a_longer_pause_than_there_is_divides_nothing(talk):
    assert len(cut(talk, 5_120, pause_ms=900)) == 1


def test_what_is_behind_the_last_whole_chunk_is_heard(spoken):
    samples = spoken[0][:10_000 // CHUNK * CHUNK + 100]
    [found] = cut(samples, 640)
    assert found[-100:] == samples[-100:]


def a_minute_of(make, seed):
    return (0.1 * make(np.random.default_rng(seed), 60 * RATE)).astype(np.float32).tolist()


@pytest.mark.parametrize("make", [silence, hiss, melody])
def test_a_minute_of_silence_hiss_or_notes_is_no_sentence(make):
    assert cut(a_minute_of(make, 0), RATE) == []


@pytest.mark.parametrize("seed", [6, 33, 34, 47, 71, 87])
def test_nor_are_notes_of_which_silero_vad_is_sure_that_they_are_speech(seed, monkeypatch):
    samples = a_minute_of(melody, seed)
    assert cut(samples, RATE) == []
    monkeypatch.setattr(SteadySound, "is_steady", lambda *_: False)
    assert len(cut(samples, RATE)) >= 1


def test_an_empty_talk_has_no_sentence():
    assert cut([], 1) == []


def test_what_is_held_has_a_bound(talk):
    talk_so_far = CutTalk(300, 20 * RATE)
    for start in range(0, len(talk), 1_000):
        list(talk_so_far.cut(talk[start:start + 1_000], False))
        assert talk_so_far._source.kept <= 0.4 * RATE


def test_without_silero_vad_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setattr(voice_activity, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"--sentences pauses: expected silero-vad.* pip install .*\[vad\]'"):
        VoiceActivity()


def test_the_number_of_threads_stays():
    code = ("import torch; torch.set_num_threads(2)\nfrom mgcm_fairseq.decoding.voice_activity import VoiceActivity\n"
            "VoiceActivity(); print(torch.get_num_threads())")
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True,
                          check=True).stdout.strip() == "2"


def test_the_probability_is_that_of_silero_vads_own_iterator(talk):
    own = VoiceActivity()
    found = [own.probability(talk[start:start + CHUNK]) for start in range(0, 60 * CHUNK, CHUNK)]
    network = VoiceActivity()._network
    network.reset_states()
    with torch.no_grad():
        expected = network.audio_forward(torch.tensor(talk[:60 * CHUNK]), RATE)[0]
    assert np.allclose(found, expected.tolist(), atol=1e-6)
