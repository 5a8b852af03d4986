"""Streaming with a trained model, in fp32, over every prefix of twenty spoken utterances."""

import copy

import pytest
import torch

from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.modules.schedule import Phase
from mgcm_fairseq.modules.streaming import speech_stream

READ = 4_000  # samples; a block has 5,120


@pytest.fixture(scope="module")
def encoder(tiny_corpus, tiny_segmenting_checkpoint):
    return load_system(tiny_segmenting_checkpoint, tiny_corpus).network.encoder


@pytest.fixture(scope="module")
def utterances(tiny_corpus):
    rows = [row for split in ("dev", "tst-COMMON", "train") for row in read_manifest(tiny_corpus / f"{split}.tsv")]
    return [torch.from_numpy(row.audio.read()) for row in rows[:20]]


@torch.no_grad()
def test_states_and_decisions_equal_a_full_pass_over_every_prefix(encoder, utterances):
    segments = 0
    for waveform in utterances:
        stream = speech_stream(encoder)
        for start in range(0, len(waveform), READ):
            stream.extend(waveform[start:start + READ], False)
            end = min(start + READ, len(waveform))
            whole = encoder.speech(waveform[None, :end], torch.tensor([end]), Phase(segmented=True))
            closed = stream.memory.states.size(1)
            torch.testing.assert_close(stream.memory.states[0], whole.states[0, :closed], atol=1e-4, rtol=0)
            assert torch.equal(stream.memory.units[0], whole.units[0, :closed])
            ended = copy.deepcopy(stream)
            ended.extend(waveform[:0], True)
            torch.testing.assert_close(ended.memory.states, whole.states, atol=1e-4, rtol=0)
            assert torch.equal(ended.memory.units, whole.units)
        segments += stream.segments
    assert segments > 20, "the model must segment for this to show anything"
