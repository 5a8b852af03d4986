"""A window that begins in mid-talk: the decoder sees what an agent's does that has forgotten what lies before."""

import pytest
import torch

from mgcm_fairseq.modules.schedule import Phase
from mgcm_fairseq.modules.streaming import speech_stream
from tests.modules.networks import network, task_inputs

SAMPLES, PIECES = [30_000, 19_999, 12_000], [7, 4, 2]
TASKS = ("st", "asr", "mt")
SHAPES = [{}, {"rotary": True}, {"segmentation_variant": "none"}]
BOUNDED = {"front_end_block": 160, "differentiable_waiting": True, "rotary": True}


def made(**changes):
    model = network(**{"segmentation_variant": "repaired", "front_end_block": 160, **changes}).double()
    if model.encoder.segmenter is not None:
        torch.nn.init.normal_(model.encoder.segmenter.output.weight)
    return model


def inputs(lead_in, rows=slice(None)):
    made = task_inputs(SAMPLES, PIECES, rows)
    return made if lead_in is None else made._replace(lead_in=lead_in[rows])


def phase_of(model):
    return Phase(segmented=True, lag=2) if model.encoder.segmenter is not None else Phase()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [*SHAPES, BOUNDED])
def test_none_is_as_none_anywhere(shape, training):
    model = made(**shape).train(training)
    without, with_none = (model(inputs(lead_in), TASKS, True, phase_of(model))
                          for lead_in in (None, torch.zeros(3, dtype=torch.long)))
    for task in TASKS:
        torch.testing.assert_close(with_none.logits[task], without.logits[task], atol=1e-12, rtol=0)
    for level, alignment in without.alignments.items():
        torch.testing.assert_close(with_none.alignments[level].logits, alignment.logits, atol=1e-12, rtol=0)
        assert torch.equal(with_none.alignments[level].frames, alignment.frames)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [*SHAPES, BOUNDED])
def test_a_row_does_not_depend_on_the_others(shape, training):
    model = made(**shape).train(training)
    lead_in = torch.tensor([9_000, 0, 5_555])
    batched = model(inputs(lead_in), TASKS, True, phase_of(model))
    for row, length in enumerate(PIECES):
        alone = model(inputs(lead_in, slice(row, row + 1)), TASKS, True, phase_of(model))
        for task, logits in alone.logits.items():
            torch.testing.assert_close(batched.logits[task][row, :length], logits[0], atol=1e-9, rtol=0)
        for level, alignment in alone.alignments.items():
            frames = int(alignment.frames)
            assert batched.alignments[level].frames[row] == frames
            torch.testing.assert_close(batched.alignments[level].logits[row, :frames], alignment.logits[0, :frames],
                                       atol=1e-9, rtol=0)
        if alone.segmented is not None:
            frames = int(alone.segmented.frames)
            torch.testing.assert_close(batched.segmented.logits[row, :frames], alone.segmented.logits[0, :frames],
                                       atol=1e-9, rtol=0)
            torch.testing.assert_close(batched.segmented.speech[row, :frames], alone.segmented.speech[0, :frames],
                                       atol=1e-9, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("variant", ["repaired", "published"])
@pytest.mark.parametrize("lag", [1, 3, None])
def test_the_decoder_sees_what_an_agent_sees_that_has_forgotten(variant, lag):
    model = made(rotary=True, segmentation_variant=variant)
    one = inputs(None, slice(0, 1))
    stream = speech_stream(model.encoder)
    stream.extend(one.waveform[0], True)
    edges = stream.decided.boundaries[0].nonzero().flatten().tolist()
    frames = edges[len(edges) // 2] + 1
    lead_in = torch.tensor([frames * model.encoder.frame_samples])
    trained = model(one._replace(lead_in=lead_in), TASKS, False, Phase(segmented=True, lag=lag))
    stream.forget(frames)
    memory = stream.memory._replace(units=stream.memory.units - stream.decided.forgotten_segments)
    logits = model.decoder(one.translation_prefix, memory, None, model.lag_mask(memory, one.translation_prefix, lag))
    torch.testing.assert_close(trained.logits["st"], logits, atol=1e-10, rtol=0)
    assert trained.segmented.frames == memory.lengths
    whole = model(one, TASKS, False, Phase(segmented=True, lag=lag))
    assert not torch.allclose(trained.logits["st"], whole.logits["st"], atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("shape", [{}, {"longest_segment": 240}, {"segmentation_variant": "published"}])
def test_boundaries_behind_it_are_those_that_the_encoder_had(shape):
    """Also where it ends within a streak of high frames, whose boundary lies before."""
    model, one = made(**shape), inputs(None, slice(0, 1))
    whole = model(one, TASKS, False, phase_of(model)).segmented
    high = model.encoder.segmenting(whole.speech)[0] > 0
    cut = int((high[1:] & high[:-1]).nonzero()[0]) + 1
    lead_in = torch.tensor([cut * model.encoder.frame_samples])
    behind = model(one._replace(lead_in=lead_in), TASKS, False, phase_of(model)).segmented
    frames = int(behind.frames)
    assert frames == int(whole.frames) - cut
    assert torch.equal(behind.boundaries[0, :frames], whole.boundaries[0, cut:cut + frames])
    assert not behind.boundaries[0, frames - 1:].any()
