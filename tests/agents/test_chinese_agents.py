"""Agents that write Chinese: what a write may end with, and that SimulEval is told to count characters."""

import re
from argparse import Namespace
from itertools import pairwise

import pytest
from simuleval.data.segments import SpeechSegment

from mgcm_fairseq.agents.offline import OfflineAgent
from mgcm_fairseq.benchmarks.agents.systems import random_system
from mgcm_fairseq.commands.export import agent_args, export
from mgcm_fairseq.common.errors import InputError
from tests.agents.feeding import feed, waveforms_of
from tests.agents.policies import SOON, build
from tests.fixtures import BIN, run


@pytest.fixture(scope="module")
def waveforms(tiny_chinese_corpus):
    return waveforms_of(tiny_chinese_corpus)


@pytest.mark.parametrize("policy", SOON)
def test_no_latin_word_and_no_number_is_cut_in_two(tiny_chinese_corpus, tiny_chinese_checkpoint, waveforms, policy):
    agent = build(policy, SOON[policy][1], tiny_chinese_checkpoint, tiny_chinese_corpus)
    for samples in waveforms:
        texts = [text for _, text in feed(agent, samples, 320)]
        for earlier, later in pairwise(texts):
            assert not re.fullmatch(r"[^\W\u3040-\u9fff]{2}", earlier[-1] + later[0]), texts


def test_a_character_does_not_wait_for_the_next(tiny_chinese_corpus, tiny_chinese_checkpoint, waveforms):
    """Nothing lengthens it: all that is decided has been written, where a German word waits to be whole."""
    agent = build("wait-segment", "--lag 1", tiny_chinese_checkpoint, tiny_chinese_corpus)
    samples = waveforms[0]
    agent.push(SpeechSegment(content=samples[:len(samples) // 2], sample_rate=16_000))
    assert agent.pop().content
    assert agent.states.writer.sent == len(agent.states.writer.pieces)


def test_simuleval_that_would_count_words_is_refused(tiny_chinese_corpus, tiny_chinese_checkpoint, tmp_path):
    lists = tiny_chinese_corpus / "simuleval"
    refused = run(BIN / "simuleval", "--agent", "mgcm_fairseq/agents/wait_k.py", "--checkpoint",
                  tiny_chinese_checkpoint, "--wait-k", "2", "--source", lists / "tst-COMMON.source", "--target",
                  lists / "tst-COMMON.target", "--source-segment-size", "320", "--output", tmp_path, check=False)
    assert refused.returncode != 0
    assert ("--eval-latency-unit: expected char, for text in zh, found word. "
            "Pass --eval-latency-unit char --sacrebleu-tokenizer zh.") in refused.stderr


def test_german_in_characters_is_refused():
    with pytest.raises(InputError, match=r"expected word, for text in de, found char\. Pass .* 13a"):
        OfflineAgent(Namespace(eval_latency_unit="char", source_lang=None), random_system("demo", 0))


def test_an_exported_system_says_how_it_is_scored(tiny_chinese_corpus, tiny_chinese_checkpoint, tmp_path):
    args = agent_args("wait-k", tiny_chinese_checkpoint, tiny_chinese_corpus, ["--wait-k", "2"])
    export("wait-k", args, tmp_path / "system")
    head = (tmp_path / "system" / "main.yaml").read_text()
    assert "--output FOLDER \\\n#     --eval-latency-unit char --sacrebleu-tokenizer zh\n" in head
