"""Streaming holds what a pass over the whole prefix gives, for every prefix and any size of reads; in fp64."""

import copy

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.core.segmentation import hard_visibility
from mgcm_fairseq.modules.lengths import conv_length
from mgcm_fairseq.modules.schedule import Phase
from mgcm_fairseq.modules.source import Source
from mgcm_fairseq.modules.streaming import speech_stream
from tests.modules.networks import network, speech

SAMPLES = 24_000
SEGMENTED = Phase(segmented=True)
SHAPES = [{}, {"norm_first": False, "subsample_kernels": "", "no_embedding_norm": True},
          {"segmentation_variant": "published"}]


def encoder(block, few_shapes=False, **changes):
    made = network(**{"front_end_block": block, "segmentation_variant": "repaired", **changes}).double().encoder
    made.few_shapes = few_shapes
    torch.nn.init.normal_(made.segmenter.output.weight)  # decided, and often
    return made


@pytest.fixture(scope="module")
def waveform():
    return speech([SAMPLES])[0].double()


def hear(stream, samples, step):
    for piece in samples.split(step):
        stream.extend(piece, False)
    return stream


few_or_many_shapes = pytest.mark.parametrize("few_shapes", [False, True])


@torch.no_grad()
@few_or_many_shapes
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step", [160, 777, 5120, SAMPLES])
def test_every_prefix_equals_a_full_pass(waveform, shape, step, few_shapes):
    made = encoder(320, few_shapes, **shape)
    whole = made.speech(waveform, torch.tensor([SAMPLES]), SEGMENTED)
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
        assert not len(stopped.pending)
        if end < 400:
            assert stopped.memory.states.size(1) == 0
            continue
        prefix = made.speech(waveform[:, :end], torch.tensor([end]), SEGMENTED)
        torch.testing.assert_close(stopped.memory.states, prefix.states, atol=1e-10, rtol=0)
        assert torch.equal(stopped.memory.units, prefix.units)
        assert stopped.segments == int(stopped.decided.boundaries[0, :-1].sum()) + 1
    assert known > 0


@torch.no_grad()
@pytest.mark.parametrize("block", [320, 0])
def test_a_decision_does_not_flip_and_closed_segments_do_not_grow(waveform, block):
    stream = speech_stream(encoder(block))
    decided, segments = torch.zeros(1, 0, dtype=torch.bool), 0
    for piece in waveform[0].split(1_600):
        stream.extend(piece, False)
        assert torch.equal(stream.decided.boundaries[:, :decided.size(1)], decided)
        assert stream.segments >= segments
        decided, segments = stream.decided.boundaries, stream.segments
        before = decided.long().cumsum(1) - decided.long()
        assert stream.memory.states.size(1) == int((before < decided.sum()).sum())
    assert decided.any()


@torch.no_grad()
@few_or_many_shapes
def test_encoding_again_gives_a_full_pass_under_the_decisions_made(waveform, few_shapes):
    made = encoder(0, few_shapes)
    stream = hear(speech_stream(made), waveform[0], 3_000)
    editions = stream.edition
    stream.extend(waveform[0, :0], True)
    assert editions == SAMPLES // 3_000
    assert stream.edition == editions + 1
    lengths = torch.tensor([SAMPLES])
    embedded, frames = made.embed_speech(made.front_end(waveform, lengths, PLAIN, ("st",)), lengths, PLAIN)
    visibility = hard_visibility(stream.decided.boundaries, frames)
    [states] = made.run([Source(embedded, frames, visibility, stream.memory.units)], PLAIN)
    torch.testing.assert_close(stream.memory.states, states.value, atol=1e-10, rtol=0)


@torch.no_grad()
@few_or_many_shapes
def test_the_front_end_that_hears_all_at_once_is_a_full_pass(waveform, few_shapes):
    made = encoder(0, few_shapes)
    stream = speech_stream(made)
    stream.extend(waveform[0], True)
    whole = made.speech(waveform, torch.tensor([SAMPLES]), SEGMENTED)
    torch.testing.assert_close(stream.memory.states, whole.states, atol=1e-10, rtol=0)
    assert torch.equal(stream.memory.units, whole.units)


def convolved(made):
    """Shapes that each convolution will have been given: name -> a growing set."""
    shapes = {}
    for name, module in made.named_modules():
        if isinstance(module, torch.nn.Conv1d):
            shapes[name] = set()
            module.register_forward_pre_hook(lambda _, inputs, name=name: shapes[name].add(tuple(inputs[0].shape)))
    return shapes


@torch.no_grad()
@pytest.mark.parametrize("shape", [{}, {"subsample_kernels": "5"}, {"subsample_kernels": "4,3,6"}])
@pytest.mark.parametrize("block", [160, 320, 640])
def test_in_blocks_each_convolution_sees_one_shape(waveform, block, shape):
    made = encoder(block, True, **shape)
    shapes = convolved(made)
    for length in (9_000, 12_345, SAMPLES):  # whose last blocks differ
        stream = speech_stream(made)
        for piece in waveform[0, :length].split(1_777):
            stream.extend(piece, False)
            stream.whole()
        stream.extend(waveform[0, :0], True)
    assert len(shapes) == 8 + len(made.subsampler.convs)
    assert {name: len(seen) for name, seen in shapes.items()} == dict.fromkeys(shapes, 1)
    made.few_shapes = False
    for piece in waveform[0].split(1_777):
        stream = speech_stream(made)
        stream.extend(piece, True)
    assert max(len(seen) for seen in shapes.values()) > 1, "or this showed nothing"


@torch.no_grad()
def test_padding_to_one_shape_brings_no_convolution_another_frame(waveform):
    """Of odd kernels; an even one may be given a frame more."""
    made, widths = encoder(320, True), []
    for made.few_shapes in (True, False):
        shapes = convolved(made)
        hear(speech_stream(made), waveform[0], 1_777)
        widths.append({name: max(width for _, _, width in seen) for name, seen in shapes.items()})
    for name, padded in widths[0].items():
        convolution = made.get_submodule(name)
        frames = [conv_length(torch.tensor(width), convolution.kernel_size[0], convolution.stride[0])
                  for width in (padded, widths[1][name])]
        assert frames[0] == frames[1], name


@torch.no_grad()
def test_encoded_again_prefixes_have_few_shapes(waveform):
    made = encoder(0, True)
    shapes = convolved(made)
    hear(speech_stream(made), waveform[0], 500)
    for length in range(500, SAMPLES, 500):
        made.utterance(waveform[0, :length], SEGMENTED)
    assert {name: len(seen) for name, seen in shapes.items()} == dict.fromkeys(shapes, 10)  # 1 to 10 units, of 47 reads


@torch.no_grad()
@pytest.mark.parametrize("block", [320, 0])
@few_or_many_shapes
def test_an_utterance_is_a_batch_of_one(waveform, block, few_shapes):
    made = encoder(block, few_shapes)
    for length in (400, 2_640, 12_345, SAMPLES):
        found = made.utterance(waveform[0, :length], SEGMENTED)
        expected = made.speech(waveform[:, :length], torch.tensor([length]), SEGMENTED)
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-10 if few_shapes else 0, rtol=0)


def test_shapes_are_few_on_a_gpu_and_as_they_come_on_a_cpu():
    made = network().encoder
    assert not made.convolves_few_shapes
    with FakeTensorMode():
        made.projection.weight = torch.nn.Parameter(torch.empty(1, device="cuda"))
    assert made.convolves_few_shapes


@torch.no_grad()
@few_or_many_shapes
@pytest.mark.parametrize("block", [320, 0])
@pytest.mark.parametrize("samples", [0, 1, 399])
def test_speech_without_a_frame_has_no_segment(block, samples, few_shapes):
    stream = speech_stream(encoder(block, few_shapes))
    stream.extend(torch.zeros(samples, dtype=torch.float64), True)
    assert stream.segments == 0
    assert stream.memory.states.size(1) == 0


def test_an_offline_model_has_no_segments_to_stream():
    with pytest.raises(ValueError, match="found an offline one"):
        speech_stream(network().encoder)
