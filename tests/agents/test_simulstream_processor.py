"""simulstream's speech processor says what the agents say, word for word, whoever sends the sound."""

from types import SimpleNamespace

import numpy as np
import pytest
import yaml

pytest.importorskip("simulstream", reason="needs the extra `simulstream`")

from simulstream.config import yaml_config
from simulstream.metrics.detokenizers import get_detokenizer
from simulstream.server.message_processor import MessageProcessor
from simulstream.server.speech_processors import build_speech_processor

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.agents.choice import build_agent
from mgcm_fairseq.agents.simulstream_processor import AgentProcessor
from mgcm_fairseq.commands.export import agent_args, processor
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.evaluation.listening import listen
from tests.agents.feeding import waveforms_of

POLICIES = {"wait-segment": (1, "--lag"), "wait-k": (1, "--wait-k"), "alignatt": (2, "--frames"),
            "edatt": (0.5, "--threshold"), "local-agreement": (320, "--step-ms"), "offline": (1, "--beam")}


@pytest.fixture(scope="module")
def sounds(tiny_corpus):
    """Two sentences with a pause behind each, a sentence, and one that ends with a step of the agents."""
    first, second, third = (np.array(one, np.float32) for one in waveforms_of(tiny_corpus)[:3])
    pause = np.zeros(8_000, np.float32)
    return [np.concatenate([first, pause, second, pause]), third, third[:len(third) // 5_120 * 5_120]]


@pytest.fixture
def built(tiny_segmenting_checkpoint, tmp_path):
    """A processor as simulstream builds it of the YAML that an export writes, with changes."""
    def build(policy, options=(), changes=()):
        args = agent_args(policy, tiny_segmenting_checkpoint, None, list(options))
        content = processor(args, policy, "word") | {"checkpoint": str(tiny_segmenting_checkpoint), "corpus": None}
        (tmp_path / "processor.yaml").write_text(yaml.safe_dump({**content, **dict(changes)}))
        return build_speech_processor(yaml_config(str(tmp_path / "processor.yaml")))

    return build


def heard(speech_processor, samples_N, packet):
    """The texts that a client of simulstream's is sent, and their tokens."""
    messages = MessageProcessor(0, speech_processor)
    pcm = (samples_N * 2**15).round().astype("<i2")
    outputs = [messages.process_speech(pcm[start:start + packet].tobytes()) for start in range(0, len(pcm), packet)]
    outputs = [one for one in [*outputs, messages.end_of_stream()] if one is not None]
    assert not any(one.deleted_tokens or one.deleted_string for one in outputs)
    return "".join(one.new_string for one in outputs), [token for one in outputs for token in one.new_tokens]


@pytest.mark.parametrize("policy", POLICIES)
def test_the_words_are_those_of_the_agent(built, sounds, tiny_segmenting_checkpoint, policy):
    point, option = POLICIES[policy]
    more = [] if policy == "offline" else ["--long-form", "--sentences", "model"]
    ours, system = built(policy, [option, str(point), *more]), load_system(tiny_segmenting_checkpoint, None)
    agent = build_agent(policy, point, more, tiny_segmenting_checkpoint, system)
    for samples_N, packet in zip(sounds, (1_600, 7_777, 1_600), strict=True):
        expected = agent.system.writing.joined(text for _, text in listen(agent, samples_N, 320))
        text, tokens = heard(ours, samples_N, packet)
        assert text == expected
        assert tokens == expected.split()
        assert get_detokenizer(ours.config)(tokens) == expected
    assert expected


def test_nothing_heard_is_nothing_written_and_clear_begins_anew(built, sounds):
    ours = built("alignatt", ["--frames", "2"])
    assert heard(ours, sounds[1][:0], 1_600) == ("", [])
    whole = heard(ours, sounds[1], 1_600)
    ours.process_chunk(sounds[0])
    ours.clear()
    ours.clear()
    assert heard(ours, sounds[1], 1_600) == whole


def test_processors_share_a_checkpoint(built):
    first, second = built("wait-k", ["--wait-k", "1"]), built("alignatt", ["--frames", "2"])
    assert first.agent.system is second.agent.system
    assert built("wait-k", ["--wait-k", "1", "--bf16"]).agent.system is not first.agent.system


def test_a_processor_is_warm_before_anybody_speaks(built, monkeypatch):
    warmed = []
    monkeypatch.setattr(SystemAgent, "warm_up", lambda agent: warmed.append(agent.args.wait_k))
    built("wait-k", ["--wait-k", "1"])
    assert warmed == [1]


@pytest.mark.parametrize(("changes", "message"), [
    ({"chunk": 1}, "expected the keys type, speech_chunk_size, .* found chunk"),
    ({"base_speech_processor_class": "x"}, "Leave the wrapper out: `options: {long_form: true, sentences: pauses}`"),
    ({"policy": "wait"}, "policy: expected one of wait-segment"),
    ({"policy": None}, "expected text under `policy`, found None"),
    ({"options": {"lag": 1, "wait_k": 2}}, "unrecognized arguments: --wait-k=2"),
    ({"device": "gpu"}, "device: expected cpu, cuda or cuda:N, found 'gpu'"),
    ({"options": {}}, "the following arguments are required: --lag"),
    ({"options": [1]}, r"expected names and values under `options`, found \[1\]"),
    ({"options": {"lag": 1, "checkpoint": "x"}}, "expected `checkpoint` beside `options`"),
])
def test_a_configuration_that_does_not_fit_is_refused(built, changes, message):
    with pytest.raises(InputError, match=message):
        built("wait-segment", ["--lag", "1"], changes)


def test_only_the_languages_of_the_checkpoint(built):
    ours = built("wait-k", ["--wait-k", "1"])
    ours.set_source_language("en")
    ours.set_target_language("de")
    with pytest.raises(InputError, match=r"target language: expected de, .* found 'fr'"):
        ours.set_target_language("fr")
    with pytest.raises(InputError, match=r"source language: expected en, .* found 'de'"):
        ours.set_source_language("de")


def test_a_configuration_without_a_checkpoint_is_refused():
    with pytest.raises(InputError, match="expected text under `checkpoint`"):
        AgentProcessor.load_model(SimpleNamespace(policy="wait-k"))
