"""Engines on a GPU: equal to the reference on a CPU, without waiting for the GPU, and exact where TF32 is not."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch import nn

from mgcm_fairseq.benchmarks.conflict.workload import Shape, Workload
from mgcm_fairseq.core.conflict import ENGINES, PLAIN
from tests.core.conflict.reference import mgcm_by_module
from tests.core.conflict.steps import Case, assert_same, gradients, step
from tests.core.conflict.toy import TASKS, toy

pytestmark = pytest.mark.cuda
DEVICE = "cuda"
RULES = ["mgcm", "discard", "pcgrad", "gradvac", "sum"]
GROUPS, SIZE = 64, 4096  # of `Products`
both_engines = pytest.mark.parametrize("engine", ENGINES)


class Product(nn.Module):
    """The gradient of its weight is its input, to the last bit and on any device."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(SIZE))

    def forward(self, x):
        return (self.weight * x).sum()


class Products(nn.Module):
    def __init__(self):
        super().__init__()
        self.groups = nn.ModuleList(Product() for _ in range(GROUPS))

    def forward(self, x_TND, passing=PLAIN):
        losses = dict.fromkeys(TASKS, 0)
        for group, x_TD in zip(self.groups, x_TND.unbind(1), strict=True):
            found = passing.run(group, [(passing.start(x, (task,)),) for task, x in zip(TASKS, x_TD, strict=True)])
            losses = {task: losses[task] + stream.value for task, stream in zip(TASKS, found, strict=True)}
        return losses


def products(x_TND):
    """A model whose tasks have these gradients."""
    model, x = Products().to(DEVICE), x_TND.to(DEVICE)
    return Case(model, lambda passing=PLAIN: model(x, passing))


def toy_on_the_gpu():
    model, batch = toy()
    model.to(DEVICE)
    batch = [part.to(DEVICE) for part in batch]
    return Case(model, lambda passing=PLAIN: model(*batch, passing))


def on_cpu(found):
    return {name: None if gradient is None else gradient.cpu() for name, gradient in found.items()}


@contextmanager
def matrix_products(precision):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def no_host_sync():
    try:
        torch.cuda.set_sync_debug_mode("error")
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@both_engines
def test_the_toy_is_the_reference_on_a_cpu(engine):
    model, batch = toy()
    expected, conflicts = mgcm_by_module(model, model(*batch))
    assert conflicts
    case = toy_on_the_gpu()
    assert_same(on_cpu(step(case, ENGINES[engine](case.model, TASKS))), expected)


@both_engines
def test_the_network_in_fp32_is_the_reference_in_fp64(engine):
    reference = Workload.build("0.003", Shape.one(0.5), "cpu")
    found = Workload.build("0.003", Shape.one(0.5), DEVICE)
    found.network.load_state_dict(reference.network.state_dict())
    moved = type(reference.inputs)(*[part.to(DEVICE) for part in reference.inputs])
    found = replace(found, inputs=moved, translation=reference.translation.to(DEVICE))
    reference.network.double()
    inputs = reference.inputs._replace(waveform=reference.inputs.waveform.double())
    expected, conflicts = mgcm_by_module(reference.network, replace(reference, inputs=inputs).losses(PLAIN))
    assert conflicts
    with torch.backends.cudnn.flags(allow_tf32=False), matrix_products("highest"):
        answer = step(Case(found.network, found.losses), ENGINES[engine](found.network, TASKS))
    assert_same(on_cpu(answer), expected, rtol=1e-4, floor=1e-6)


@both_engines
@pytest.mark.parametrize("rule", RULES)
def test_a_step_never_waits_for_the_gpu(engine, rule):
    case = toy_on_the_gpu()
    made = ENGINES[engine](case.model, TASKS, rule)
    step(case, made)  # the first may find out once what every other knows
    made.step = 1
    case.model.zero_grad()
    with no_host_sync():
        made.join(case.losses(made.streams())).backward()
    assert all(gradient.isfinite().all() for gradient in gradients(case.model).values() if gradient is not None)


def test_the_test_above_is_one():
    value = torch.ones(1, device=DEVICE)
    with no_host_sync(), pytest.raises(RuntimeError, match="synchronizing"):
        value.item()


@both_engines
def test_tf32_does_not_change_what_is_in_conflict(engine):
    x_TND = torch.randn(3, GROUPS, SIZE, dtype=torch.float64)
    primary, directions = x_TND[0], torch.randn(3, GROUPS, 1, dtype=torch.float64).sign()
    for task in (1, 2):  # cosines of one millionth, either way: TF32 errs by more
        along = (x_TND[task] * primary).sum(1, keepdim=True) / primary.square().sum(1, keepdim=True)
        x_TND[task] += (1e-6 * directions[task] - along) * primary
    x_TND = x_TND.float()
    expected = (x_TND[1:].double() * x_TND[0].double()).sum(2).t() < 0  # (N, A)
    assert 0.2 < expected.double().mean() < 0.8
    case = products(x_TND)
    for precision in ("highest", "high"):
        with matrix_products(precision):
            made = ENGINES[engine](case.model, TASKS)
            step(case, made)
        order = torch.tensor(made.report.groups).argsort()
        assert torch.equal(made.report.conflict().cpu()[order], expected), precision


@both_engines
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_comes_through_in_its_group_alone(engine, bad):
    x_TND = torch.randn(3, GROUPS, SIZE)
    case = products(x_TND)
    expected = step(case, ENGINES[engine](case.model, TASKS))
    x_TND[1, 2, 5] = bad
    case = products(x_TND)
    found = step(case, ENGINES[engine](case.model, TASKS))
    assert not found["groups.2.weight"].isfinite().all()
    for group in range(GROUPS):
        if group != 2:
            torch.testing.assert_close(found[f"groups.{group}.weight"], expected[f"groups.{group}.weight"])
