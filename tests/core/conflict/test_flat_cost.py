"""What merging through flat vectors costs: operators, waits, memory that is kept or given up."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from mgcm_fairseq.core.conflict import Groups, Report, make_rule
from mgcm_fairseq.core.conflict import flat as flat_module
from mgcm_fairseq.core.conflict.flat import Member, Zeros, chunks
from mgcm_fairseq.core.conflict.merge import Merger
from mgcm_fairseq.measuring.operators import Operators
from tests.core.conflict.flat_cases import LIMITS, TINY, TYPES, Parameter, made


def test_gradients_are_given_up_as_they_are_merged():
    """So that each can be freed while others are merged."""
    case = made([Parameter(number % 3, (9, 9), torch.float32, "contiguous", (True,) * 3) for number in range(5)])
    for limits in LIMITS.values():
        merger = Merger(Groups(case.model), make_rule("mgcm"), limits=limits)
        given_up = [list(of_task) for of_task in case.gradients]
        merger.merge(case.parameters, given_up, Report(["0", "1", "2"]), 0)
        assert all(gradient is None for of_task in given_up for gradient in of_task)


def operators(groups, rule="mgcm", present=(True,) * 3):
    case = made([Parameter(number, (5,), torch.float32, "contiguous", present) for number in range(groups)])
    merger = Merger(Groups(case.model), make_rule(rule))
    counts = []
    for _ in range(2):
        with Operators(fake=False) as counted:
            merger.merge(case.parameters, [list(g) for g in case.gradients], Report(["0", "1", "2"]), 0)
        assert counted.host_syncs == 0
        counts.append(counted.kernels)
    return counts[1]  # with the plan that the first has found


@pytest.mark.parametrize("rule", ["mgcm", "discard", "sum", "pcgrad"])
def test_forty_groups_cost_as_many_operators_as_four(rule):
    assert operators(4, rule) == operators(40, rule) < 80


def test_the_plans_of_patterns_in_turn_are_kept():
    case = made([Parameter(number, (41,), torch.float32, "contiguous", (True,) * 3) for number in range(4)])
    merger = Merger(Groups(case.model), make_rule("mgcm"))
    merger.limits = TINY  # groups span chunks, for which a plan makes zeros

    def operators_without(absent):
        gradients = [[None if position == absent else g for position, g in enumerate(of_task)]
                     for of_task in case.gradients]
        with Operators(fake=False) as counted:
            merger.merge(case.parameters, gradients, Report(["0", "1", "2"]), 0)
        return counted.kernels

    made_anew = [operators_without(absent) for absent in range(4)]
    kept = [operators_without(absent) for absent in range(4)]
    assert all(later < first for later, first in zip(kept, made_anew, strict=True))


def test_tasks_that_are_absent_everywhere_cost_none():
    assert operators(40, present=(True, False, True)) <= operators(40) + 2


@pytest.mark.parametrize(("present", "rows"), [
    ("010", 1), ("001", 1), ("110", 2), ("011", 2), ("101", 2), ("111", 3), ("1010", 2), ("1101", 4), ("01001", 2)])
def test_vectors_hold_the_shortest_slice_that_has_the_tasks(present, rows):
    tasks = frozenset(task for task, there in enumerate(present) if there == "1")
    [chunk] = chunks([Member(0, 5, 0, tasks)], len(present), TINY, torch.zeros)
    vectors_TKB = chunk.vectors([[torch.ones(5) if task in tasks else None] for task in range(len(present))])
    assert len(vectors_TKB) == rows
    [dots_TT] = chunk.dots(vectors_TKB).tolist()
    assert dots_TT == [[5 if {s, t} <= tasks else 0 for s in range(len(present))] for t in range(len(present))]


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("types", [(torch.float32,) * 2, (torch.float16,) * 2, (torch.float64, torch.bfloat16)])
def test_fake_tensors_are_merged_without_a_look_at_them(limits, types):
    with FakeTensorMode():
        case = made([Parameter(number % 3, (9, 9), types[number % 2], "transposed", (True, number != 2, True))
                     for number in range(6)])
        found, report = case.merged(LIMITS[limits])
        assert all(isinstance(f, FakeTensor) and f.dtype == p.dtype for f, p in
                   zip(found, case.parameters, strict=True))
        assert isinstance(report.gramian, FakeTensor)


@pytest.mark.parametrize("dtype", TYPES)
def test_zeros_are_shared_by_type_and_do_not_widen_what_stands_beside_them(dtype):
    zeros = Zeros()
    for other in TYPES:
        zeros.of(9, torch.device("cpu"), other)
    few, more = (zeros.of(size, torch.device("cpu"), dtype) for size in (5, 12))
    assert (few.dtype, few.tolist()) == (dtype, [0] * 5)
    assert (more.dtype, len(more)) == (dtype, 12)
    assert zeros.of(12, torch.device("cpu"), dtype).data_ptr() == more.data_ptr()


@pytest.mark.parametrize("limits", [flat_module.CPU, flat_module.GPU])
def test_a_chunk_is_whole_tiles(limits):
    assert limits.chunk % limits.tile == 0
