"""Streaming holds what a pass over the whole prefix gives, for every prefix and any size of reads; in fp64."""

import copy

import pytest
import torch

from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.core.segmentation import hard_visibility
from mgcm_fairseq.modules.streaming import speech_stream
from tests.modules.networks import network, speech

SAMPLES = 24_000
SHAPES = [{}, {"norm_first": False, "subsample_kernels": "", "no_embedding_norm": True},
          {"segmentation_variant": "published"}]


def encoder(block, **changes):
    made = network(**{"front_end_block": block, "segmentation_variant": "repaired", **changes}).double().encoder
    made.segmenter.active = True
    torch.nn.init.normal_(made.segmenter.output.weight)  # decided, and often
    return made


@pytest.fixture(scope="module")
def waveform():
    return speech([SAMPLES])[0].double()


def hear(stream, samples, step):
    for piece in samples.split(step):
        stream.extend(piece, False)
    return stream


@torch.no_grad()
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step", [160, 777, 5120, SAMPLES])
def test_every_prefix_equals_a_full_pass(waveform, shape, step):
    made = encoder(320, **shape)
    whole = made.speech(waveform, torch.tensor([SAMPLES]))
    stream = speech_stream(made)
    known = 0
    for start in range(0, SAMPLES, step):
        end = min(start + step, SAMPLES)
        stream.extend(waveform[0, start:end], False)
        if stream.memory.states.size(1) == known and end % 1000:
            continue
        known = stream.memory.states.size(1)
        torch.testing.assert_close(stream.memory.states[0], whole.states[0, :known], atol=1e-10, rtol=0)
        assert torch.equal(stream.memory.units[0], whole.units[0, :known])
        stopped = copy.deepcopy(stream)
        stopped.extend(waveform[0, :0], True)
        if end < 400:
            assert stopped.memory.states.size(1) == 0
            continue
        prefix = made.speech(waveform[:, :end], torch.tensor([end]))
        torch.testing.assert_close(stopped.memory.states, prefix.states, atol=1e-10, rtol=0)
        assert torch.equal(stopped.memory.units, prefix.units)
        assert stopped.segments == int(stopped.boundaries[0, :-1].sum()) + 1
    assert known > 0


@torch.no_grad()
@pytest.mark.parametrize("block", [320, 0])
def test_a_decision_does_not_flip_and_closed_segments_do_not_grow(waveform, block):
    stream = speech_stream(encoder(block))
    decided, segments = torch.zeros(1, 0, dtype=torch.bool), 0
    for piece in waveform[0].split(1_600):
        stream.extend(piece, False)
        assert torch.equal(stream.boundaries[:, :decided.size(1)], decided)
        assert stream.segments >= segments
        assert stream.memory.states.size(1) == int((stream.boundaries.long().cumsum(1) - stream.boundaries.long()
                                                    < stream.boundaries.sum()).sum())
        decided, segments = stream.boundaries, stream.segments
    assert decided.any()


@torch.no_grad()
def test_encoding_again_gives_a_full_pass_under_the_decisions_made(waveform):
    made = encoder(0)
    stream = hear(speech_stream(made), waveform[0], 3_000)
    editions = stream.edition
    stream.extend(waveform[0, :0], True)
    assert editions == SAMPLES // 3_000
    assert stream.edition == editions + 1
    lengths = torch.tensor([SAMPLES])
    embedded, frames = made.embed_speech(made.front_end(waveform, lengths, PLAIN, ("st",)), lengths, PLAIN)
    [states] = made.run([(embedded, hard_visibility(stream.boundaries, frames))], PLAIN)
    torch.testing.assert_close(stream.memory.states, states.value, atol=1e-10, rtol=0)


@torch.no_grad()
def test_the_front_end_that_hears_all_at_once_is_a_full_pass(waveform):
    made = encoder(0)
    stream = speech_stream(made)
    stream.extend(waveform[0], True)
    whole = made.speech(waveform, torch.tensor([SAMPLES]))
    torch.testing.assert_close(stream.memory.states, whole.states, atol=1e-10, rtol=0)
    assert torch.equal(stream.memory.units, whole.units)


@torch.no_grad()
@pytest.mark.parametrize("block", [320, 0])
@pytest.mark.parametrize("samples", [0, 1, 399])
def test_speech_without_a_frame_has_no_segment(block, samples):
    stream = speech_stream(encoder(block))
    stream.extend(torch.zeros(samples, dtype=torch.float64), True)
    assert stream.segments == 0
    assert stream.memory.states.size(1) == 0


def test_an_offline_model_has_no_segments_to_stream():
    with pytest.raises(ValueError, match="found an offline one"):
        speech_stream(network().encoder)
