"""What is measured on a network of 2.7 M parameters: against PyTorch's counter, the network itself, and by hand."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from mgcm_fairseq.benchmarks.conflict.workload import Shape, Workload
from mgcm_fairseq.benchmarks.scaling import arithmetic, exchange
from mgcm_fairseq.benchmarks.scaling.costs import Costs, measure
from mgcm_fairseq.benchmarks.scaling.variants import VARIANTS, step_of
from mgcm_fairseq.core.conflict import PLAIN, Groups
from mgcm_fairseq.measuring.work import Work

SIZE, SHAPE = "0.003", Shape(2, 12_000, 5, 6)
MEASURED = ("plain", "mgcm global")
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")


@pytest.fixture(scope="module")
def measured():
    return measure(SIZE, MEASURED, [SHAPE], lambda said: None)


@pytest.fixture(scope="module")
def exchanged(measured):
    """Of every variant."""
    others = exchange.measure(SIZE, [name for name in VARIANTS if name not in MEASURED])
    return others | {name: cost.exchange for name, cost in measured.variants.items()}


@pytest.fixture(scope="module")
def network():
    """With the bytes of parameters that each task reaches."""
    workload = Workload.build(SIZE, SHAPE, "cpu")
    reached = []
    for loss in workload.losses(PLAIN).values():
        found = torch.autograd.grad(loss, workload.parameters, retain_graph=True, allow_unused=True)
        reached.append({name for (name, _), gradient in zip(workload.network.named_parameters(), found, strict=True)
                        if gradient is not None})
    return workload, reached


def volume(workload, names):
    return sum(parameter.nbytes for name, parameter in workload.network.named_parameters() if name in names)


def test_gradients_are_reduced_once_by_all_variants(measured, exchanged, network):
    workload, _ = network
    assert measured.parameters == sum(parameter.numel() for parameter in workload.parameters)
    for found in exchanged.values():
        assert (found.gradients.calls, found.gradients.volume) == (1, workload.parameter_bytes)


@pytest.mark.parametrize("variant", ["plain", "mgcm local"])
def test_local_exchanges_nothing_more(exchanged, variant):
    assert exchanged[variant].backward == exchange.Calls()


@pytest.mark.parametrize(("variant", "prefix"), [("mgcm global", ""), ("mgcm global above", "encoder.front_end.")])
def test_global_exchanges_the_primary_gradient_and_a_gramian_of_each_group(exchanged, network, variant, prefix):
    workload, (st, asr, mt) = network
    groups = Groups(workload.network)
    parameters = dict(workload.network.named_parameters())
    inside = {name for name in parameters if not prefix or not name.startswith(prefix)}
    shared = {groups.of(parameters[name]) for name in inside & st & (asr | mt)}
    expected = volume(workload, {name for name in inside & st if groups.of(parameters[name]) in shared})
    found = exchanged[variant].backward
    assert found.volume == expected + len(shared) * 9 * 8
    assert 0 < found.calls <= 2 * len(shared)
    assert found.largest <= found.volume


def test_whole_gramians_need_every_task_s_gradient_at_once_with_the_stash(exchanged, network):
    workload, reached = network
    found = exchanged["pcgrad global"].backward
    assert (found.calls, found.volume) == (3, sum(volume(workload, names) for names in reached))


def test_flops_are_those_of_pytorch_and_of_attention():
    with FakeTensorMode():
        workload = Workload.build(SIZE, SHAPE, "cpu")
        with FlopCounterMode(display=False) as counter:
            step_of(workload, None)()
        attention = arithmetic.count(workload, VARIANTS["plain"]) - counter.get_total_flops()
    assert 0 < attention < 0.2 * counter.get_total_flops()


def test_attention_is_counted_as_its_matrix_products():
    q, k, v = (torch.randn(2, 4, length, 8, requires_grad=True) for length in (10, 12, 12))
    with Work() as fused:
        F.scaled_dot_product_attention(q, k, v).sum().backward()
    with Work() as plain:
        ((q @ k.transpose(-1, -2)).softmax(-1) @ v).sum().backward()
    assert fused.flops == pytest.approx(plain.flops * 7 / 6)  # one product is computed again in the backward pass


def test_work_counts_what_operators_read_and_write():
    x = torch.zeros(10, 10)
    with Work() as work:
        y = x.t() + x  # reads 2 x 400 bytes and writes 400
        y.mul_(y.sum())  # reads 400, writes 4; reads 400 and 4, and writes 400 as an answer
    assert (work.operators, work.flops, work.touched) == (3, 0, 1200 + 404 + 804)


def test_arithmetic_of_unseen_batches_follows_from_the_fit(measured):
    plain, streamed = measured.variants.values()
    assert max(plain.flops_error, streamed.flops_error) < 0.01
    for seconds in (1, 20):
        work = [float(arithmetic.flops(cost.flops, *np.array([[1], [16_000 * seconds], [20], [20]]))[0])
                for cost in (plain, streamed)]
        assert work[0] < work[1] < 3 * work[0]


def test_merging_is_work_for_conflict_handling_alone(measured):
    plain, streamed = measured.variants.values()
    assert plain.merged == 0
    assert streamed.merged > 10 * 2 * measured.parameters
    assert plain.kernels < streamed.kernels


def test_half_precision_needs_less_memory(measured):
    for cost in measured.variants.values():
        assert 0.5 * cost.peaks["fp32"] < cost.peaks["fp16"] < 0.9 * cost.peaks["fp32"]  # logits stay in fp32


def test_the_optimizer_keeps_fp32_copies_and_two_averages(measured):
    assert measured.optimizer.kept == 4 + 4 + 4 + 4
    assert measured.optimizer.touched > 2 * measured.optimizer.kept


def test_costs_are_read_as_they_were_written(measured):
    assert Costs.read(json.loads(json.dumps(asdict(measured)))) == measured
