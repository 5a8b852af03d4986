"""Losses, gradients and backward passes: what an engine cannot serve gets a sentence, the rest comes out right."""

import pytest
import torch
from torch import nn

from mgcm_fairseq.core.conflict import ENGINES, PLAIN, Stash, Streamed
from tests.core.conflict.reference import plain_sum
from tests.core.conflict.small import TASKS, Small, small_case, small_step
from tests.core.conflict.steps import Case, assert_same, gradients, step


@pytest.mark.parametrize("engine", ENGINES)
def test_losses_under_no_grad_are_named(engine):
    case = small_case()
    made = ENGINES[engine](case.model, TASKS)
    with torch.no_grad():
        losses = case.losses(made.streams())
    with pytest.raises(ValueError, match=r"one of st, asr needs a gradient, found none: .* under no_grad\(\)"):
        made.join(losses)
    with torch.no_grad():
        assert not made.join(losses).requires_grad  # validation joins them to log the sum


@pytest.mark.parametrize("engine", ENGINES)
def test_one_loss_without_a_gradient_is_no_error(engine):
    model = Small()

    def losses(passing=PLAIN):
        found = model.losses(passing)
        return found | {"st": found["st"].detach()}

    expected = plain_sum(model, {"asr": losses()["asr"]})
    assert_same(small_step(Case(model, losses), engine), expected)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [4, 200])  # the second has matrices that are merged without a copy
@pytest.mark.parametrize("scale", [1e-25, 1e-15, 1e15])
def test_losses_of_any_scale_keep_their_conflicts(engine, size, scale):
    case = small_case(size=size, dtype=torch.float32)
    made = ENGINES[engine](case.model, TASKS)
    expected = step(case, made)
    conflicts = made.report.conflict()
    assert conflicts.any()
    for losses in (None, lambda passing: {task: scale * loss for task, loss in case.losses(passing).items()}):
        found = step(case, made, losses, scale=1 if losses else scale)
        assert torch.equal(made.report.conflict(), conflicts)
        assert_same({name: g.double() / scale for name, g in found.items()}, expected, rtol=1e-4, floor=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("retain", [False, True])
def test_a_second_backward_pass_gets_a_sentence(engine, retain):
    case = small_case()
    made = ENGINES[engine](case.model, TASKS)
    joined = made.join(case.losses(made.streams()))
    joined.backward(retain_graph=retain)
    found = gradients(case.model)
    with pytest.raises(RuntimeError, match=r"expected one backward pass .* a second one" if retain else "second"):
        joined.backward()
    assert_same(gradients(case.model), found)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(5, 3, sparse=True).double()
        self.head = nn.Linear(3, 5, bias=False).double()

    def losses(self):
        looked_up = self.words(torch.tensor([1, 2]))
        return {"st": looked_up.sum(), "asr": -looked_up.sum()}


@pytest.mark.parametrize("dense", [None, "st", "asr"])
def test_sparse_gradients_get_a_sentence(dense):
    model = Words()
    losses = model.losses()
    if dense:  # a table that is tied, as the words that a decoder reads and writes
        losses[dense] = model.words.weight.sum()
    with pytest.raises(ValueError, match=r"expected dense gradients, found a sparse one .* \(5, 3\).*sparse=False"):
        Stash(model, TASKS).join(losses).backward()


def test_so_they_do_inside_a_stage():
    model = Words()

    def losses(passing):
        [words] = passing.run(lambda x: model.words(torch.tensor([1, 2])) * x, [(passing.start(torch.ones(1), TASKS),)])
        return {"st": passing.branch(words, "st").value.sum(), "asr": -passing.branch(words, "asr").value.sum()}

    with pytest.raises(ValueError, match="expected dense gradients"):
        step(Case(model, losses), Streamed(model, TASKS))


def test_sparse_gradients_out_of_scope_add_up():
    model = Words()
    Stash(model, TASKS, scope="head").join(model.losses()).backward()
    assert torch.equal(model.words.weight.grad.to_dense(), torch.zeros(5, 3).double())
    assert model.words.weight.grad.is_sparse


@pytest.mark.parametrize("engine", ENGINES)
def test_complex_parameters_are_named(engine):
    model = Small()
    model.phase = nn.Parameter(torch.ones(2, dtype=torch.complex64))
    with pytest.raises(ValueError, match="expected real parameters, found the complex phase"):
        ENGINES[engine](model, TASKS)
    ENGINES[engine](model, TASKS, scope="(?!phase)")


def test_complex_parameters_out_of_scope_get_the_plain_sum():
    model = Small()
    model.phase = nn.Parameter(torch.ones(2, dtype=torch.complex128))
    losses = {"st": (model.phase * 2j).real.sum() + model.body.weight.sum(), "asr": (model.phase * 3).real.sum()}
    expected = plain_sum(model, losses)["phase"]
    Stash(model, TASKS, scope="(?!phase)").join(losses).backward()
    torch.testing.assert_close(model.phase.grad, expected)
