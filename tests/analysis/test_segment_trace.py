"""The trace of the wait-segment agent is what the agent wrote and what its encoder decided."""

from argparse import Namespace

import numpy as np
import pytest
import torch

from mgcm_fairseq.agents.wait_segment import WaitSegmentAgent
from mgcm_fairseq.analysis.segment_trace import trace
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.evaluation.listening import listen
from tests.agents.feeding import feed, waveforms_of
from tests.agents.policies import ONE_SENTENCE
from tests.modules.networks import network


@pytest.fixture(scope="module")
def waveforms(tiny_corpus):
    return [np.array(samples, dtype=np.float32) for samples in waveforms_of(tiny_corpus)]


@pytest.fixture(scope="module")
def agent(tiny_corpus, tiny_segmenting_checkpoint):
    return WaitSegmentAgent(Namespace(checkpoint=tiny_segmenting_checkpoint, corpus=tiny_corpus, lag=1, bf16=False,
                                      source_lang=None, int8=False, **ONE_SENTENCE))


@pytest.mark.parametrize("read_ms", [320, 100])
def test_reads_and_writes_are_the_agents(agent, waveforms, read_ms):
    early = 0
    for samples in waveforms:
        found = trace(agent, samples, read_ms)
        writes = [(1000 * read.seconds, read.words) for read in found.reads if read.words]
        assert writes == [(pytest.approx(ms), words) for ms, words in feed(agent, samples.tolist(), read_ms)]
        ends = [min(end, len(samples)) for end in range(16 * read_ms, len(samples) + 16 * read_ms, 16 * read_ms)]
        assert [round(read.seconds * 16_000) for read in found.reads] == ends
        early += len(writes) > 1
    assert early, "some words must come before the end for this to show anything"


def test_probabilities_and_boundaries_are_the_encoders(agent, waveforms):
    encoder = agent.system.network.encoder
    for samples in waveforms:
        found = trace(agent, samples, 320)
        with torch.no_grad():
            memory = encoder.speech(torch.from_numpy(samples)[None], torch.tensor([len(samples)]), agent.system.phase)
        assert len(found.probabilities) == len(found.boundaries) == memory.states.size(1)
        before = [False, *(p > 0.5 for p in found.probabilities)]
        assert found.boundaries == [p > 0.5 and not last
                                    for p, last in zip(found.probabilities, before, strict=False)]
        ids = np.cumsum([False, *found.boundaries[:-1]])
        assert ids.tolist() == memory.units[0].tolist()
        assert found.reads[-1].segments == ids[-1] + 1
        closed = [sum(found.boundaries[:4 * blocks]) for blocks in range(1, len(found.reads))]
        assert [read.segments for read in found.reads[:-1]] == closed, "a block of 320 ms has four frames"


def test_frames_of_the_encoder():
    assert network().encoder.frame_samples == 4 * 320
    assert network(subsample_kernels="").encoder.frame_samples == 320


def test_too_short_audio_and_reads_of_no_length_are_refused(agent, waveforms):
    with pytest.raises(InputError, match="at least 400 samples at 16 kHz, which make a frame, found 399"):
        trace(agent, waveforms[0][:399], 320)
    with pytest.raises(InputError, match="--source-segment-size"):
        list(listen(agent, waveforms[0], 0))
