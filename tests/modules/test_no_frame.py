"""Speech too short for a frame, as an utterance of dev or test may be: it is nothing, and changes no other."""

from types import SimpleNamespace

import pytest
import torch

from mgcm_fairseq.criterions.multitask import MultitaskCrossEntropy
from mgcm_fairseq.criterions.segmentation import SegmentationLosses
from mgcm_fairseq.modules.schedule import Phase
from tests.modules.networks import network, speech, task_inputs

TASKS = ("st", "asr", "mt")
SHAPES = {
    "whole": {"segmentation_variant": "repaired"},
    "blocks": {"segmentation_variant": "repaired", "front_end_block": 160, "rotary": True, "longest_segment": 240,
               "differentiable_waiting": True},
    "published": {"segmentation_variant": "published", "subsample_kernels": "", "w2v_normalize": True},
    "offline": {},
    "shrunk": {"shrink": "ctc"},
}
SAMPLES, PIECES = [[16_000, 300, 5], [300], [5, 399]], [7, 4, 3]
every_shape = pytest.mark.parametrize("shape", SHAPES)


def made(shape):
    return network(**{"ctc": True, **SHAPES[shape]}).double()


def phase(model, **more):
    segmented = model.encoder.segmenter is not None
    return Phase(segmented=segmented, shrunk=model.encoder.shrinker is not None, lag=2 if segmented else None, **more)


@every_shape
@pytest.mark.parametrize("samples", SAMPLES)
@pytest.mark.parametrize("training", [True, False])
def test_logits_losses_and_gradients_are_finite(shape, samples, training):
    model = made(shape).train(training)
    inputs = task_inputs(samples, PIECES[:len(samples)])
    outputs = model(inputs, TASKS, True, phase(model, noise=1.0 if training else 0.0))
    losses = [logits.log_softmax(2).sum() for logits in outputs.logits.values()]
    criterion = SimpleNamespace(task=SimpleNamespace(vocabulary=SimpleNamespace(bos=0)))
    for alignment in outputs.alignments.values():
        assert alignment.frames.min() >= 0
        losses.append(MultitaskCrossEntropy._ctc(criterion, alignment, inputs.transcript, inputs.transcript_lengths)[0])
    if outputs.segmented is not None:
        losses += SegmentationLosses(1.0, 0, 1.0, 0)(outputs.segmented, {}).values()
    assert all(loss.isfinite() for loss in losses)
    sum(losses).backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)


@torch.no_grad()
@every_shape
def test_the_other_utterances_do_not_notice(shape):
    model, found = made(shape), []
    for length in (300, 5, 9_999):
        waveform, lengths = speech([16_000, length])
        memory = model.encoder.speech(waveform.double(), lengths, phase(model))
        frames = int(memory.lengths[0])
        found.append((memory.states[0, :frames], memory.units[0, :frames]))
    for states, units in found[:-1]:
        assert torch.equal(states, found[-1][0])
        assert torch.equal(units, found[-1][1])


@torch.no_grad()
def test_alone_it_is_as_many_states_as_an_agent_has():
    model = made("whole")
    for samples in (1, 15, 399):
        memory = model.encoder.speech(torch.zeros(1, samples).double(), torch.tensor([samples]), phase(model))
        assert memory.lengths.tolist() == [0]
        assert memory.states.isfinite().all()
