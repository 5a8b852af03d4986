"""Half-precision parameters, on the CPU: merged as accurately as they are stored, and safe at the top of the range."""

import math

import pytest
import torch

from mgcm_fairseq.core.conflict import ENGINES
from tests.core.conflict.reference import mgcm_by_module
from tests.core.conflict.steps import TASKS, assert_same, merged, step, toy_case

HALF = [torch.float16, torch.bfloat16]
TOP = torch.finfo(torch.float16).max


def largest(gradients):
    return max(gradient.abs().max().item() for gradient in gradients.values())


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("engine", ENGINES)
def test_merging_is_as_accurate_as_the_type(dtype, engine):
    case = toy_case(dtype=dtype)
    expected, conflicts = mgcm_by_module(case.model, case.losses())  # in float64, from gradients in half precision
    assert conflicts
    found = step(case, ENGINES[engine](case.model, TASKS))
    assert all(gradient.dtype == dtype for gradient in found.values())
    epsilon = torch.finfo(dtype).eps
    assert_same(found, expected, rtol=epsilon, floor=epsilon / 10)


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", ["mgcm", "discard", "pcgrad", "gradvac", "sum"])
def test_the_gradient_is_close_to_that_of_fp32(dtype, engine, rule):
    half = toy_case(dtype=dtype)
    full = toy_case(dtype=torch.float32)
    full.model.load_state_dict(half.model.state_dict())
    expected = step(full, ENGINES[engine](full.model, TASKS, rule))
    found = step(half, ENGINES[engine](half.model, TASKS, rule))
    flat = [torch.cat([g.float().flatten() for g in of_type.values()]) for of_type in (found, expected)]
    assert (flat[0] - flat[1]).norm() < 16 * torch.finfo(dtype).eps * flat[1].norm()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", ["mgcm", "discard", "pcgrad", "gradvac", "sum"])
def test_dots_of_scaled_gradients_do_not_overflow(engine, rule):
    case = toy_case(dtype=torch.float16)
    made = ENGINES[engine](case.model, TASKS, rule)
    expected = step(case, made)
    scale = 2.0 ** math.floor(math.log2(TOP / largest(expected)))
    found = step(case, ENGINES[engine](case.model, TASKS, rule), scale=scale)
    assert TOP / 2 < largest(found) <= TOP
    assert made.report.gramian.dtype == torch.float64
    assert_same({name: gradient.double() / scale for name, gradient in found.items()}, expected, rtol=3e-2, floor=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_test_above_is_one(engine):
    """Its squared norms are far above what fp16 holds."""
    case = toy_case(dtype=torch.float16)
    made = ENGINES[engine](case.model, TASKS)
    step(case, made, scale=2.0**14)
    norms = made.report.gramian.diagonal(dim1=1, dim2=2)
    assert norms.isfinite().all()
    assert norms.max() > 1000 * TOP


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", ["mgcm", "discard", "pcgrad", "gradvac", "sum"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("factor", [math.inf, -math.inf, math.nan])
def test_a_task_that_overflows_makes_the_gradient_non_finite(engine, rule, task, factor):
    case = toy_case(dtype=torch.float16)
    found = step(case, ENGINES[engine](case.model, TASKS, rule), lambda passing: {
        name: loss * factor if name == task else loss for name, loss in case.losses(passing).items()})
    shared = [name for name in found if name.startswith("decoder")]
    assert not any(found[name].isfinite().all() for name in shared if "k_proj.bias" not in name)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_scale_beyond_the_range_makes_the_gradient_non_finite(engine):
    case = toy_case(dtype=torch.float16)
    made = ENGINES[engine](case.model, TASKS)
    case.model.zero_grad()
    joined = made.join(case.losses(made.streams()))
    (joined.float() * 2.0**40).backward()
    assert not all(parameter.grad.isfinite().all() for parameter in case.model.parameters())


@pytest.mark.parametrize("rule", ["mgcm", "sum"])
def test_a_sum_may_leave_the_range_on_its_way(rule):
    row = torch.tensor([60_000.0, 1.0], dtype=torch.float16)
    g_TD = [row, row, torch.tensor([-60_000.0, 5.0], dtype=torch.float16)]
    expected = merged("sum", [g.double() for g in g_TD]) if rule == "sum" else torch.tensor([120_000.0, 8.0])
    found = merged(rule, g_TD)
    assert found.dtype == torch.float16
    torch.testing.assert_close(found, expected.half(), rtol=2e-3, atol=0)
