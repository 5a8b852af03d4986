"""What SimulEval, a reviewer and a user ask of every agent, on trained checkpoints that segment and hear in blocks."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
import torch

from mgcm_fairseq.agents.registry import POLICIES, agent_class
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.evaluation.simulate import simulate
from tests.agents.feeding import feed, waveforms_of, words
from tests.agents.policies import NEVER, SOON, build
from tests.fixtures import BIN, HELD_OUT, run

every_policy = pytest.mark.parametrize("policy", SOON)


@pytest.fixture(scope="module")
def waveforms(tiny_corpus):
    return waveforms_of(tiny_corpus)


@pytest.fixture(scope="module")
def make(tiny_corpus, tiny_segmenting_checkpoint):
    return lambda policy: build(policy, SOON[policy][1], tiny_segmenting_checkpoint, tiny_corpus)


class Language(NamedTuple):
    """A corpus of a target language, models trained on it, and what it has between words."""

    corpus: Path
    segmenting: Path
    offline: Path
    separator: str


@pytest.fixture(scope="module", params=["German", "Chinese"])
def language(request):
    given = request.getfixturevalue
    if request.param == "German":
        return Language(given("tiny_corpus"), given("tiny_segmenting_checkpoint"), given("tiny_checkpoint"), " ")
    chinese = given("tiny_chinese_checkpoint")
    return Language(given("tiny_chinese_corpus"), chinese, chinese, "")


@pytest.fixture(scope="module")
def spoken(language):
    return waveforms_of(language.corpus)


def generated(checkpoint, corpus, beam, folder):
    """fairseq-generate's text of every test utterance."""
    run(BIN / "fairseq-generate", corpus, "--user-dir", "mgcm_fairseq", "--task", "simul_st", "--path", checkpoint,
        "--gen-subset", "tst-COMMON", "--beam", str(beam), "--max-tokens", "160000", "--cpu", "--results-path", folder)
    lines = [line.split("\t") for line in (folder / "generate-tst-COMMON.txt").read_text().splitlines()]
    texts = {int(fields[0][2:]): fields[2] for fields in lines if fields[0].startswith("D-")}
    return [texts[index] for index in range(HELD_OUT)]


@pytest.fixture(scope="module")
def offline(language, tmp_path_factory):
    """By beam, what fairseq makes of an offline checkpoint."""
    texts = {beam: generated(language.offline, language.corpus, beam, tmp_path_factory.mktemp("beam"))
             for beam in (1, 3)}
    assert len(set(texts[1])) > 1, "the model must tell utterances apart for this to show anything"
    assert texts[1] != texts[3], "the beam must matter for this to show anything"
    return texts


def test_every_policy_of_the_registry_is_here():
    assert {agent_class(policy) for policy in POLICIES} == {kind for kind, _ in SOON.values()}


@every_policy
def test_the_words_do_not_depend_on_the_segment_size(language, spoken, policy):
    agent = build(policy, SOON[policy][1], language.segmenting, language.corpus)
    for samples in spoken[:3]:
        expected = words(feed(agent, samples, 320), language.separator)
        assert expected
        for segment_ms in (10, 77, 1000, 60_000):
            assert words(feed(agent, samples, segment_ms), language.separator) == expected


@pytest.mark.parametrize("policy", [policy for policy in NEVER if policy != "wait-segment"])
def test_unbounded_lag_gives_fairseqs_greedy_text(language, offline, spoken, policy):
    agent = build(policy, NEVER[policy], language.offline, language.corpus)
    assert [words(feed(agent, samples, 320)) for samples in spoken] == offline[1]


@pytest.mark.parametrize("policy", ["local agreement", "AlignAtt", "EDAtt", "offline"])
def test_unbounded_lag_with_a_beam_gives_fairseqs_text(language, offline, spoken, policy):
    agent = build(policy, f"{NEVER[policy]} --beam 3", language.offline, language.corpus)
    assert [words(feed(agent, samples, 320)) for samples in spoken] == offline[3]


def test_unbounded_wait_segment_gives_fairseqs_text(language, spoken, tmp_path):
    agent = build("wait-segment", NEVER["wait-segment"], language.segmenting, language.corpus)
    greedy = generated(language.segmenting, language.corpus, 1, tmp_path)
    assert [words(feed(agent, samples, 320)) for samples in spoken] == greedy


@pytest.mark.parametrize("policy", [policy for policy in SOON if policy != "offline"])
def test_some_words_come_before_the_end(make, waveforms, policy):
    agent = make(policy)
    assert any(ms < len(samples) / 16 for samples in waveforms for ms, _ in feed(agent, samples, 10))


@pytest.mark.parametrize(("policy", "checkpoint"), [  # with a front end in blocks, and with a whole one
    *((policy, "segmenting") for policy in SOON),
    *((policy, "offline") for policy in SOON if policy != "wait-segment")])
def test_on_a_grid_the_words_and_their_times_are_the_same(language, spoken, policy, checkpoint):
    agent = build(policy, SOON[policy][1], getattr(language, checkpoint), language.corpus)
    writes = {}
    for few_shapes in (False, True):
        agent.system.network.encoder.few_shapes = few_shapes
        writes[few_shapes] = [feed(agent, samples, 200) for samples in spoken[:4]]
    assert writes[True] == writes[False]
    assert any(writes[True])


@every_policy
def test_nothing_but_words_is_written(language, spoken, policy):
    agent = build(policy, SOON[policy][1], language.segmenting, language.corpus)
    for samples in spoken[:3]:
        assert not any(mark in words(feed(agent, samples, 320)) for mark in ("<", "▁", "</s>"))


@every_policy
def test_each_sentence_starts_afresh(make, waveforms, policy):
    agent = make(policy)
    alone = words(feed(agent, waveforms[1], 320))
    feed(agent, waveforms[0], 320)
    assert words(feed(agent, waveforms[1], 320)) == alone


@every_policy
@pytest.mark.parametrize("samples", [1, 160, 399])
def test_audio_without_a_single_frame_ends_in_an_empty_sentence(make, policy, samples):
    assert feed(make(policy), [0.1] * samples, 320) == []


@every_policy
def test_silence_ends(make, policy):
    feed(make(policy), [0.0] * 32_000, 320)


@every_policy
def test_stereo_and_other_rates_are_refused(make, policy):
    agent = make(policy)
    with pytest.raises(InputError, match="expected mono audio, found 2 channels"):
        feed(agent, [[0.0, 0.0]] * 16_000, 320)
    for rate in (8000, 44_100):
        with pytest.raises(InputError, match=f"found {rate} Hz"):
            feed(make(policy), [0.0] * 16_000, 320, rate=rate)


@every_policy
@pytest.mark.parametrize("value", [float("nan"), float("-inf"), 3000.0])
def test_samples_that_are_no_sound_are_refused_where_they_come(make, policy, value):
    agent = make(policy)
    with pytest.raises(InputError, match=r"--source: expected samples that are numbers .* at 1\.500 s"):
        feed(agent, [0.0] * 24_000 + [value] + [0.0] * 8_000, 320)


def test_simuleval_and_evaluation_name_the_wav(make, tmp_path):
    wavs = [str(tmp_path / name) for name in ("whole.wav", "torn.wav", "later.wav")]
    for wav, value in zip(wavs, (0.5, np.nan, np.nan), strict=True):
        soundfile.write(wav, np.float32([0.1] * 8_000 + [value] * 8_000), 16_000, subtype="FLOAT")
    (tmp_path / "source").write_text("".join(f"{wav}\n" for wav in wavs))
    agent = make("wait-k")
    agent.args.source = str(tmp_path / "source")
    with pytest.raises(InputError, match=r"torn\.wav: expected .* found nan at 0\.500 s"):
        feed(agent, soundfile.read(wavs[1])[0].tolist(), 320)
    with pytest.raises(InputError, match=r"torn\.wav: expected .* found nan at 0\.500 s"):
        simulate(make("wait-segment"), wavs, ["", "", ""], 1, 320)


LONG = {**{policy: options for policy, (_, options) in SOON.items()}, "wait-k": "--wait-k 1 --step-ms 20000",
        "local agreement": "--step-ms 10000", "local agreement, beam 3": "--step-ms 20000 --beam 3",
        "AlignAtt": "--frames 2 --step-ms 10000", "AlignAtt, beam 3": "--frames 2 --step-ms 20000 --beam 3",
        "EDAtt": "--threshold 0.5 --step-ms 10000"}


@pytest.mark.parametrize("policy", LONG)
def test_two_minutes_end(tiny_corpus, tiny_segmenting_checkpoint, waveforms, policy):
    samples = np.tile(np.concatenate(waveforms), 20)[:120 * 16_000].tolist()
    agent = build(policy, LONG[policy], tiny_segmenting_checkpoint, tiny_corpus)
    assert words(feed(agent, samples, 1000))


@every_policy
@pytest.mark.parametrize(("option", "dtype"), [("fp16", torch.float16), ("bf16", torch.bfloat16)])
def test_half_precision_writes_words(tiny_corpus, tiny_segmenting_checkpoint, waveforms, policy, option, dtype):
    options = SOON[policy][1] + (" --bf16" if option == "bf16" else "")
    agent = build(policy, options, tiny_segmenting_checkpoint, tiny_corpus)
    agent.to("cpu", fp16=option == "fp16")
    assert agent.system.network.decoder.embedding.weight.dtype == dtype
    assert any(words(feed(agent, samples, 320)) for samples in waveforms)


@pytest.mark.parametrize(("policy", "options", "named"), [
    ("wait-segment", "--lag 0", "--lag"), ("wait-k", "--wait-k 0", "--wait-k"),
    ("wait-k", "--wait-k 1 --step-ms 20", "--step-ms"), ("local agreement", "--agreeing 1", "--agreeing"),
    ("local agreement", "--step-ms 20", "--step-ms"), ("local agreement", "--beam 0", "--beam"),
    ("AlignAtt", "--frames -1", "--frames"), ("AlignAtt", "--frames 1 --attention-layer 99", "--attention-layer"),
    ("EDAtt", "--threshold -1", "--frames and --threshold"),
    ("EDAtt", "--threshold nan", "--frames and --threshold"), ("offline", "--beam 0", "--beam"),
])
def test_options_out_of_range_are_refused(tiny_corpus, tiny_segmenting_checkpoint, policy, options, named):
    with pytest.raises(InputError, match=named):
        build(policy, options, tiny_segmenting_checkpoint, tiny_corpus)


def test_two_precisions_at_once_are_refused(tiny_corpus, tiny_segmenting_checkpoint):
    agent = build("offline", "--bf16", tiny_segmenting_checkpoint, tiny_corpus)
    with pytest.raises(InputError, match="--bf16: expected one precision"):
        agent.to("cpu", fp16=True)
