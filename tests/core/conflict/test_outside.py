"""Tensors that the model does not have, and leaves in unusual places."""

import pytest
import torch
from torch import nn

from mgcm_fairseq.core.conflict import ENGINES, PLAIN, Streamed
from tests.core.conflict.reference import mgcm_by_module
from tests.core.conflict.small import TASKS, Small, inputs, small_step
from tests.core.conflict.steps import Case, assert_same, step


@pytest.mark.parametrize("engine", ENGINES)
def test_tensors_outside_the_model_get_the_plain_sum(engine):
    """Learned weights of tasks, and an input that needs a gradient."""
    model = Small()
    weights = {task: nn.Parameter(torch.tensor(0.3 * (1 + number)).double()) for number, task in enumerate(TASKS)}
    both = nn.Parameter(torch.tensor(1.5).double())
    x = inputs(model).requires_grad_()

    def losses(passing=PLAIN):
        return {task: both * weights[task] * loss for task, loss in model.losses(passing, x).items()}

    outside = [both, *weights.values(), x]
    expected = torch.autograd.grad(sum(losses().values()), outside)
    judged, conflicts = mgcm_by_module(model, losses())
    assert conflicts == 3
    assert_same(small_step(Case(model, losses), engine), judged)
    for tensor, gradient in zip(outside, expected, strict=True):
        torch.testing.assert_close(tensor.grad, gradient)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_that_is_a_tensor_outside_the_model(engine):
    model, alone = Small(), nn.Parameter(torch.tensor(2.0).double())
    small_step(Case(model, lambda passing: {"st": model.losses(passing)["st"], "asr": alone}), engine)
    assert alone.grad == 1


def test_a_loss_that_is_a_judged_parameter_is_seen():
    model = Small()
    model.bonus = nn.Parameter(torch.tensor(2.0).double())
    engine = Streamed(model, TASKS)
    with pytest.raises(ValueError, match="bonus: used outside all stages"):
        engine.join({"st": model.losses(engine.streams())["st"], "asr": model.bonus})


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stage_may_answer_a_parameter(engine):
    model = Small()

    def losses(passing=PLAIN):
        [stream] = passing.run(lambda x: model.body.weight, [(passing.start(torch.ones(1).double(), TASKS),)])
        return {"st": passing.branch(stream, "st").value.sum(), "asr": -3 * passing.branch(stream, "asr").value.sum()}

    found = small_step(Case(model, losses), engine)
    assert torch.equal(found["body.weight"], torch.ones(4, 4).double())


@pytest.mark.parametrize("engine", ENGINES)
def test_an_input_that_is_new_in_every_step_needs_no_new_layout(engine):
    model = Small()
    made = ENGINES[engine](model, TASKS)
    counts = []
    for _ in range(3):
        x = inputs(model).requires_grad_()
        step(Case(model, lambda passing, x=x: model.losses(passing, x)), made)
        assert x.grad is not None
        counts.append(len(made.merger._layouts))
    assert counts[0] == counts[-1]
