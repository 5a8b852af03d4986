"""The wait-k agent on a trained checkpoint, fed as SimulEval feeds it."""

import json
from argparse import Namespace

import pytest

from mgcm_fairseq.agents.wait_k import WaitKAgent
from mgcm_fairseq.common.errors import InputError
from tests.agents.feeding import feed, waveforms_of, words
from tests.agents.policies import ONE_SENTENCE
from tests.fixtures import BIN, HELD_OUT, REPOSITORY, run

STEP_MS = 320


@pytest.fixture(scope="module")
def waveforms(tiny_corpus):
    return waveforms_of(tiny_corpus)


@pytest.fixture(scope="module")
def make(tiny_corpus, tiny_checkpoint):
    def agent(lag, step_ms=STEP_MS):
        return WaitKAgent(Namespace(checkpoint=tiny_checkpoint, corpus=tiny_corpus, wait_k=lag, step_ms=step_ms,
                                    bf16=False, source_lang=None, int8=False, **ONE_SENTENCE))

    return agent


def test_no_word_comes_before_its_step(make, waveforms):
    for lag in (1, 2, 5):
        agent = make(lag)
        for samples in waveforms:
            read = [ms for ms, text in feed(agent, samples, 10) for _ in text.split()]
            for index, ms in enumerate(read):
                assert ms >= min((lag + index) * STEP_MS, len(samples) / 16) - 1e-9


def test_a_word_once_written_is_not_lengthened(make):
    system = make(1).system
    pieces = system.vocabulary.pieces
    banned = system.writing.lengthening(system.vocabulary.encode("Der Hund")).tolist()
    extending = [piece for piece, is_banned in zip(pieces, banned, strict=True) if is_banned]
    assert extending
    assert not any(piece.startswith("▁") or piece in (".", ",", "</s>", "<unk>") for piece in extending)


def test_words_are_counted_by_their_first_piece(make):
    system = make(1).system
    for text in ("Der Hund schläft.", "a b, c", "."):
        assert sum(system.writing.starts(system.vocabulary.encode(text))) == len(text.split())


@pytest.mark.parametrize(("lag", "step_ms"), [(0, 320), (1, 20)])
def test_options_out_of_range_are_refused(make, lag, step_ms):
    with pytest.raises(InputError, match="--wait-k" if lag < 1 else "--step-ms"):
        make(lag, step_ms)


def test_simuleval_writes_what_the_agent_writes(make, waveforms, tiny_corpus, tiny_checkpoint, tmp_path):
    lists = tiny_corpus / "simuleval"
    run(BIN / "simuleval", "--agent", REPOSITORY / "mgcm_fairseq" / "agents" / "wait_k.py", "--checkpoint",
        tiny_checkpoint, "--wait-k", "2", "--source", lists / "tst-COMMON.source", "--target",
        lists / "tst-COMMON.target", "--source-segment-size", str(STEP_MS), "--no-scoring", "--output", tmp_path)
    agent = make(2)
    logged = [json.loads(line) for line in (tmp_path / "instances.log").read_text().splitlines()]
    assert len(logged) == HELD_OUT
    for instance, samples in zip(logged, waveforms, strict=True):
        writes = feed(agent, samples, STEP_MS)
        assert instance["prediction"].split() == words(writes).split()
        assert instance["delays"] == [ms for ms, text in writes for _ in text.split()]
