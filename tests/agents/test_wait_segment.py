"""The wait-segment agent on a trained checkpoint, fed as SimulEval feeds it."""

import json
from argparse import Namespace

import pytest
import torch

from mgcm_fairseq.agents.wait_segment import WaitSegmentAgent
from mgcm_fairseq.common.errors import InputError
from tests.agents.feeding import feed, waveforms_of, words
from tests.agents.policies import ONE_SENTENCE
from tests.fixtures import BIN, HELD_OUT, REPOSITORY, run


@pytest.fixture(scope="module")
def waveforms(tiny_corpus):
    return waveforms_of(tiny_corpus)


@pytest.fixture(scope="module")
def make(tiny_corpus, tiny_segmenting_checkpoint):
    def agent(lag):
        return WaitSegmentAgent(Namespace(checkpoint=tiny_segmenting_checkpoint, corpus=tiny_corpus, lag=lag,
                                          bf16=False, source_lang=None, int8=False, **ONE_SENTENCE))

    return agent


@torch.no_grad()
def whole_utterance(agent, samples):
    """Greedy decoding of the whole utterance under the mask of training, with no cache and no stream."""
    network, vocabulary = agent.system.network, agent.system.vocabulary
    memory = network.encoder.speech(torch.tensor([samples]), torch.tensor([len(samples)]), agent.system.phase)
    segments = int(memory.units.max()) + 1
    tokens, seen = [vocabulary.tag("de")], []
    while len(tokens) <= 200:
        allowed = max([*seen, agent.lag + sum(agent.system.writing.starts(tokens))])
        while True:
            mask = memory.units[:, None, None, :] < torch.tensor([*seen, allowed])[None, None, :, None]
            scores = network.decoder(torch.tensor([tokens]), memory, None, mask)[0, -1]
            scores[vocabulary.pad] = -torch.inf
            if len(tokens) == 1 and allowed >= segments:
                scores[vocabulary.eos] = -torch.inf
            piece = int(scores.argmax())
            if piece != vocabulary.eos or allowed >= segments:
                break
            allowed += 1
        seen.append(allowed)
        if piece == vocabulary.eos:
            break
        tokens.append(piece)
    return vocabulary.decode(tokens)


@pytest.mark.parametrize("lag", [1, 2, 4, 1000])
def test_the_words_are_those_of_the_whole_utterance_under_the_mask_of_training(make, waveforms, lag):
    agent = make(lag)
    for samples in waveforms:
        expected = whole_utterance(agent, samples)
        assert expected
        assert words(feed(agent, samples, 320)) == expected


def test_a_word_waits_for_its_segments(make, waveforms):
    waited = 0
    for lag in (1, 2, 4):
        agent = make(lag)
        for samples in waveforms:
            writes, agent_segments = [], []
            states = agent.states
            for write in feed(agent, samples, 10, before_reset=lambda states=states, seen=agent_segments:
                              seen.append((states.stream.decided.boundaries, states.stream.segments))):
                writes.append(write)
            [(boundaries, segments)] = agent_segments
            ends = boundaries[0].nonzero().flatten().tolist()
            read = [ms for ms, text in writes for _ in text.split()]
            for index, ms in enumerate(read):
                if lag + index < segments:
                    assert ms >= ends[lag + index - 1] * 80, "word t waits for k + t - 1 segments"
                    waited += 1
    assert waited > 0


def test_what_cannot_be_fed_or_loaded_is_refused(make, tiny_corpus, tiny_checkpoint):
    with pytest.raises(InputError, match="expected mono audio, found 2 channels"):
        feed(make(1), [[0.0, 0.0]] * 16_000, 320)
    with pytest.raises(InputError, match="--lag"):
        make(0)
    with pytest.raises(InputError, match="found one that does not segment"):
        WaitSegmentAgent(Namespace(checkpoint=tiny_checkpoint, corpus=tiny_corpus, lag=1, bf16=False, int8=False,
                                   source_lang=None, **ONE_SENTENCE))


def test_simuleval_writes_what_the_agent_writes(make, waveforms, tiny_corpus, tiny_segmenting_checkpoint, tmp_path):
    lists = tiny_corpus / "simuleval"
    run(BIN / "simuleval", "--agent", REPOSITORY / "mgcm_fairseq" / "agents" / "wait_segment.py", "--checkpoint",
        tiny_segmenting_checkpoint, "--lag", "2", "--source", lists / "tst-COMMON.source", "--target",
        lists / "tst-COMMON.target", "--source-segment-size", "320", "--no-scoring", "--output", tmp_path)
    agent = make(2)
    logged = [json.loads(line) for line in (tmp_path / "instances.log").read_text().splitlines()]
    assert len(logged) == HELD_OUT
    for instance, samples in zip(logged, waveforms, strict=True):
        writes = feed(agent, samples, 320)
        assert instance["prediction"].split() == words(writes).split()
        assert instance["delays"] == [ms for ms, text in writes for _ in text.split()]
