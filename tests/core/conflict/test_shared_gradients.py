"""Gradients of two workers: their mean does not overflow on its way, and what the report holds of it."""

import traceback
import warnings
from multiprocessing import get_context

import pytest
import torch
import torch.distributed as dist
from torch import nn

from mgcm_fairseq.core.conflict import Groups, Report, Workers, make_rule
from mgcm_fairseq.core.conflict.merge import Merger

TOP = torch.finfo(torch.float16).max


@pytest.fixture
def both(tmp_path):
    """Runs a function of the worker's number in two processes that share gradients; the answer of this one, worker 0.
    """
    meeting = f"file://{tmp_path / 'meeting'}"

    def run(function):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            other = get_context("fork").Process(target=meet, args=(meeting, 1, function))
            other.start()
        try:
            return meet(meeting, 0, function)
        finally:
            other.join(60)
            assert other.exitcode == 0

    return run


def meet(meeting, rank, function):
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    try:
        return function(rank)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        dist.destroy_process_group()


def test_a_mean_of_half_precision_that_only_the_sum_overflows(both):
    near = [torch.tensor([0.9 * TOP, -0.9 * TOP, 2.0]).half(), torch.tensor([0.8 * TOP, -0.7 * TOP, 4.0]).half()]
    [mean] = both(lambda rank: Workers().average([near[rank]]))
    assert not (near[0] + near[1]).isfinite().all()
    assert mean.dtype == torch.float16
    torch.testing.assert_close(mean, ((near[0].double() + near[1].double()) / 2).half(), rtol=2e-3, atol=0)


def test_every_type_is_averaged_in_its_own_and_every_tensor_keeps_its_place_and_shape(both):
    def given(rank):
        torch.manual_seed(rank)
        return [torch.randn(2, 3), torch.randn(4).double(), torch.randn(()).double(), torch.randn(1, 5)]

    found = both(lambda rank: Workers().average(given(rank)))
    for mean, ours, theirs in zip(found, given(0), given(1), strict=True):
        assert (mean.dtype, mean.shape) == (ours.dtype, ours.shape)
        torch.testing.assert_close(mean, (ours + theirs) / 2)


def test_what_a_worker_gives_is_left_as_it_is(both):
    def run(rank):
        given = torch.full((3,), float(rank))
        Workers().average([given])
        return given

    assert both(run).tolist() == [0, 0, 0]


@pytest.mark.parametrize("rule", ["mgcm", "pcgrad"])
def test_the_reports_of_all_workers_are_of_the_shared_gradients_and_symmetric(both, rule):
    """mgcm's has <G_0, G_a> of the means, from both sides of the diagonal."""
    def of_task(rank):
        torch.manual_seed(10 + rank)
        return torch.randn(3, 4).double()

    def run(rank):
        model = nn.Linear(4, 1, bias=False).double()
        report = Report(("st", "asr", "mt"))
        merger = Merger(Groups(model), make_rule(rule), Workers())
        merger.merge([model.weight], [[row.view(1, -1)] for row in of_task(rank)], report, 0)
        return report.gramian[0]

    gramian_TT = both(run)
    mean_TD = (of_task(0) + of_task(1)) / 2
    expected_TT = mean_TD @ mean_TD.T
    assert torch.equal(gramian_TT, gramian_TT.T)
    torch.testing.assert_close(gramian_TT[0], expected_TT[0])
    if rule == "pcgrad":
        torch.testing.assert_close(gramian_TT, expected_TT)
    else:  # an auxiliary's norm is the root mean square of the workers' own
        squares = torch.stack([of_task(rank).square().sum(1) for rank in range(2)]).mean(0)
        torch.testing.assert_close(gramian_TT.diagonal()[1:], squares[1:])
