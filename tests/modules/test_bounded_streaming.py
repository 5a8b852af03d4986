"""A stream of bounded history holds what one pass under the bounds gives, keeps no more, and may forget."""

import json

import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.measuring.held import held_bytes
from mgcm_fairseq.modules.front_end import NORM_SAMPLES
from mgcm_fairseq.modules.schedule import Phase
from mgcm_fairseq.modules.streaming import speech_stream
from tests.modules.networks import network, speech

SAMPLES = 60_000  # 3.75 s
SEGMENTED = Phase(segmented=True)
FRONT_END = {"conv_feature_layers": "[(8,10,5)] + [(8,3,2)] * 4 + [(8,2,2)] * 2", "encoder_layers": 2,
             "encoder_embed_dim": 16, "encoder_ffn_embed_dim": 32, "encoder_attention_heads": 2, "conv_pos": 8,
             "conv_pos_groups": 2}
BOUNDS = {"front_end_block": 320, "front_end_history": 400, "encoder_history": 480, "longest_segment": 400}
SHAPES = [{"rotary": True}, {"rotary": False}, {"rotary": True, "norm_first": False, "subsample_kernels": ""},
          {"rotary": True, "segmentation_variant": "published"}]


def encoder(boundaries=True, **changes):
    """Half of its frames want to end a segment, or none."""
    made = network(**{"w2v_config": json.dumps(FRONT_END), "segmentation_variant": "repaired", **BOUNDS, **changes})
    torch.nn.init.normal_(made.encoder.segmenter.output.weight)
    if not boundaries:
        torch.nn.init.constant_(made.encoder.segmenter.output.bias, -1e3)
    return made.double().encoder


@pytest.fixture(scope="module")
def waveform():
    return speech([SAMPLES])[0].double()


def heard(made, samples, step):
    stream = speech_stream(made)
    for piece in samples.split(step):
        stream.extend(piece, False)
    stream.extend(samples[:0], True)
    return stream


@torch.no_grad()
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step", [320, 5_120, 7_777, SAMPLES])
def test_it_equals_one_pass_under_the_bounds(waveform, shape, step):
    made = encoder(**shape)
    whole = made.utterance(waveform[0], SEGMENTED)
    stream = heard(made, waveform[0], step)
    torch.testing.assert_close(stream.memory.states, whole.states, atol=1e-10, rtol=0)
    assert torch.equal(stream.memory.units, whole.units)


@torch.no_grad()
@pytest.mark.parametrize("step", [5_120, 70_000, 80_000])
def test_it_does_so_behind_the_samples_that_the_group_norm_counts(step):
    made = encoder(rotary=True)
    samples = torch.cat([speech([16_000], seed)[0][0] * (seed + 1) for seed in range(12)]).double()
    assert len(samples) > NORM_SAMPLES
    torch.testing.assert_close(heard(made, samples, step).memory.states, made.utterance(samples, SEGMENTED).states,
                               atol=1e-10, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("changes", [{"front_end_history": 400_000}, {"encoder_history": 400_000},
                                     {"longest_segment": 400_000}])
def test_a_bound_that_nothing_reaches_changes_nothing(waveform, changes):
    free = {**dict.fromkeys(changes, 0)}
    for step in (5_120, SAMPLES):
        bounded, unbounded = (heard(encoder(**given), waveform[0], step) for given in (changes, free))
        assert torch.equal(bounded.memory.states, unbounded.memory.states)
        assert torch.equal(bounded.memory.units, unbounded.memory.units)


@torch.no_grad()
@pytest.mark.parametrize("free", [*BOUNDS][1:])
def test_each_bound_is_reached(waveform, free):
    bounded, unbounded = (encoder(boundaries=False, **changes).utterance(waveform[0], SEGMENTED)
                          for changes in ({}, {free: 0}))
    assert not torch.equal(bounded.states, unbounded.states)


@torch.no_grad()
def test_where_nothing_ends_a_segment_the_limit_does(waveform):
    made = encoder(boundaries=False)
    frames = made.segmenting.longest
    for step in (320, 7_777, SAMPLES):
        units = heard(made, waveform[0], step).memory.units[0]
        assert units.tolist() == [frame // frames for frame in range(len(units))]


@torch.no_grad()
def test_what_it_keeps_does_not_grow(waveform):
    made, sizes = encoder(boundaries=False, front_end_block=400), []
    stream = speech_stream(made)
    for second in range(40):
        stream.extend(waveform[0, :16_000], False)
        stream.forget(stream.memory.states.size(1))
        if second > 1:
            sizes.append(held_bytes(stream))
    assert set(sizes[-4:]) == set(sizes[-12:-8])


@torch.no_grad()
@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.parametrize("step", [1_600, 7_777])
def test_what_comes_after_forgetting_is_encoded_as_before(waveform, rotary, step):
    made = encoder(rotary=rotary)
    whole = speech_stream(made)
    whole.extend(waveform[0], True)
    stream, forgotten = speech_stream(made), 0
    for piece in waveform[0].split(step):
        stream.extend(piece, False)
        units = stream.memory.units[0]
        if len(units) > 6:
            edge = int((units == units[6]).nonzero()[-1]) + 1
            stream.forget(edge)
            forgotten += edge
    stream.extend(waveform[0, :0], True)
    assert forgotten > 20
    torch.testing.assert_close(stream.states, whole.states[:, forgotten:], atol=1e-10, rtol=0)
    assert torch.equal(stream.memory.units, whole.memory.units[:, forgotten:])
    assert stream.segments == whole.segments
    expected = made.positions(whole.states[:, forgotten:]) if rotary else whole.memory.states[:, forgotten:]
    torch.testing.assert_close(stream.memory.states, expected, atol=1e-10, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("rotary", [True, False])
def test_a_stream_goes_on_as_if_it_had_not_been_asked_for_the_whole(waveform, rotary):
    made = encoder(rotary=rotary)
    asked, other = speech_stream(made), speech_stream(made)
    for piece in waveform[0].split(3_000):
        asked.extend(piece, False)
        other.extend(piece, False)
        before = asked.memory.states.clone()
        whole = asked.whole()
        assert torch.equal(asked.memory.states, before)
        torch.testing.assert_close(whole.states[:, :before.size(1)], before, atol=1e-10, rtol=0)
    torch.testing.assert_close(asked.whole().states, made.utterance(waveform[0], SEGMENTED).states, atol=1e-10, rtol=0)
    other.end()
    torch.testing.assert_close(asked.whole().states, other.memory.states, atol=1e-10, rtol=0)


@torch.no_grad()
def test_it_forgets_whole_segments_alone(waveform):
    made = encoder(boundaries=False)
    stream = heard(made, waveform[0], SAMPLES)
    for frames in (1, made.segmenting.longest + 1, 10_000):
        with pytest.raises(ValueError, match="whole segments"):
            stream.forget(frames)
    stream.forget(made.segmenting.longest)


@torch.no_grad()
def test_nothing_before_the_reach_of_its_layers_is_seen():
    """In segments of 400 ms, once the group norm keeps its statistics."""
    made, samples = encoder(boundaries=False), torch.cat([speech([16_000], seed)[0][0] for seed in range(16)]).double()
    changed = samples.clone()
    changed[NORM_SAMPLES + 4_000:NORM_SAMPLES + 8_000] = 0.5
    features, states = [], []
    for given in (samples, changed):
        features.append(made.front_end(given[None], torch.tensor([len(given)]), PLAIN, ("st",)).value[0])
        states.append(made.utterance(given, SEGMENTED).states[0])
    first_change, last_change = (NORM_SAMPLES + 4_000) / 16_000, (NORM_SAMPLES + 8_000) / 16_000
    seconds = last_change + 2 * (0.4 + 0.32) + 0.1  # a layer of the front end: history and block
    _differ(features, 0.02, first_change - 0.32 - 0.02, seconds - 0.9, seconds)
    _differ(states, 0.08, first_change - 0.32 - 0.4, seconds, seconds + 2 * (0.48 + 0.4) + 0.4)


def _differ(pair, frame, first, least, most):
    """The two are the same bit for bit up to `first`, in s, and differ last between the others; each row is a frame."""
    differing = (pair[0] != pair[1]).any(1).nonzero() * frame
    assert first <= differing.min()
    assert least <= differing.max() <= most < len(pair[0]) * frame


@pytest.mark.parametrize(("changes", "expected"), [
    ({"front_end_block": 0}, "front end that hears in blocks"), ({"front_end_history": 410}, "multiple of 320 samples"),
    ({"encoder_history": 90}, "multiple of 80 ms"), ({"longest_segment": -80}, "multiple of 80 ms"),
    ({"segmentation_variant": "none", "encoder_history": 0}, "--longest-segment: expected a model with"),
    ({"segmentation_variant": "none", "longest_segment": 0}, "--encoder-history: expected a model with")])
def test_bounds_that_cannot_be(changes, expected):
    with pytest.raises(InputError, match=expected):
        network(**{**BOUNDS, "segmentation_variant": "repaired", **changes})
