"""Recomputed stages: running statistics count a batch once, and gradients are those without recomputation."""

from functools import partial

import pytest
import torch
from torch import nn

from mgcm_fairseq.core.conflict import ENGINES, PLAIN, Recomputing, Streamed
from tests.core.conflict.small import TASKS
from tests.core.conflict.steps import Case, assert_same, gradients, step

NORMS = {
    "batch": lambda: nn.BatchNorm1d(4),
    "cumulative": lambda: nn.BatchNorm1d(4, momentum=None),
    "without affine": lambda: nn.BatchNorm1d(4, affine=False),
    "without statistics": lambda: nn.BatchNorm1d(4, track_running_stats=False),
    "instance": lambda: nn.InstanceNorm1d(4, track_running_stats=True),
    "layer": lambda: nn.GroupNorm(1, 4),
}


class Convolutions(nn.Module):
    """(B, 3, T) -> (B, 4, T)."""

    def __init__(self, norm, training=True):
        super().__init__()
        torch.manual_seed(2)
        self.first, self.norm, self.last = nn.Conv1d(3, 4, 1), norm(), nn.Conv1d(4, 4, 1)
        self.double().train(training)

    def forward(self, x):
        return self.last(torch.tanh(self.norm(self.first(x))))

    def given(self, factor, x):
        return factor * self(x)


STAGES = {
    "module": lambda model: model,
    "method": lambda model: model.forward,
    "partial": lambda model: partial(model.given, 1.0),
    "closure": lambda model: lambda x: model(x),
    "closure in a partial": lambda model: partial(lambda factor, x: model(x) * factor, 1.0),
    "list in a partial": lambda model: partial(lambda parts, x: parts[1](parts[0](x)), [model, nn.Identity()]),
}


def after_steps(model, engine, stage, recompute):
    """Gradients and buffers after two steps."""
    made = ENGINES[engine](model, TASKS) if engine else None
    x = torch.linspace(-1, 3, 30).double().view(2, 3, 5)

    def losses(passing=PLAIN):
        passing = Recomputing(passing) if recompute else passing
        [stream] = passing.run(stage(model), [(passing.start(x, TASKS),)])
        return {"st": passing.branch(stream, "st").value.square().sum(),
                "asr": -3 * passing.branch(stream, "asr").value.sum()}

    for _ in range(2):
        if made:
            step(Case(model, losses), made)
        else:
            model.zero_grad()
            sum(losses().values()).backward()
    return gradients(model), {name: buffer.clone() for name, buffer in model.named_buffers()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("engine", [None, *ENGINES])  # None: ordinary autograd
def test_norms_count_a_batch_once(engine, norm, training):
    expected, statistics = after_steps(Convolutions(NORMS[norm], training), engine, STAGES["module"], False)
    found, counted = after_steps(Convolutions(NORMS[norm], training), engine, STAGES["module"], True)
    assert_same(found, expected)
    assert found.keys() == expected.keys()
    assert all(torch.equal(counted[name], statistic) for name, statistic in statistics.items())


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("engine", ENGINES)
def test_whatever_the_stage_is_made_of(engine, stage):
    expected, statistics = after_steps(Convolutions(NORMS["batch"]), engine, STAGES[stage], False)
    found, counted = after_steps(Convolutions(NORMS["batch"]), engine, STAGES[stage], True)
    assert_same(found, expected)
    assert counted["norm.num_batches_tracked"] == 2
    assert torch.equal(counted["norm.running_mean"], statistics["norm.running_mean"])


@pytest.mark.parametrize("engine", [None, *ENGINES])
def test_buffers_stay_the_same_tensors(engine):
    """Optimizers and averages of a model hold them."""
    model = Convolutions(NORMS["batch"])
    before = dict(model.named_buffers())
    after_steps(model, engine, STAGES["module"], True)
    assert all(buffer is before[name] for name, buffer in model.named_buffers())


def test_a_stage_that_thaws_counts_a_batch_once():
    """It was ordinary autograd, and has to run again as a stage that is judged."""
    model = Convolutions(NORMS["batch"])
    model.head = nn.Conv1d(4, 4, 1).double()
    made = Streamed(model, TASKS)
    x = torch.linspace(-1, 3, 30).double().view(2, 3, 5)

    def losses(passing=PLAIN):
        [stream] = passing.run(model, [(passing.start(x, TASKS),)])
        [stream] = passing.run(model.head, [(stream,)])
        return {"st": passing.branch(stream, "st").value.square().sum(),
                "asr": -passing.branch(stream, "asr").value.sum()}

    for number, thawed in enumerate((False, False, True, True), 1):
        for part in (model.first, model.norm, model.last):
            part.requires_grad_(thawed)
        step(Case(model, losses), made)
        assert model.norm.num_batches_tracked == number
