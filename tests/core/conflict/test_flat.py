"""Merging through flat vectors, against float64 and loops over groups: any sizes, types, layouts, absent gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mgcm_fairseq.core.conflict import Groups, Report, make_rule
from mgcm_fairseq.core.conflict import flat as flat_module
from mgcm_fairseq.core.conflict.flat import Limits, Zeros
from mgcm_fairseq.core.conflict.layout import Layout
from mgcm_fairseq.core.conflict.merge import Merger
from tests.core.conflict.flat_cases import LIMITS, Case, Parameter, assert_reference, cases, made, reference


@settings(max_examples=60)
@given(cases(), st.sampled_from(list(LIMITS)))
def test_merging_is_the_reference(case, limits):
    assert_reference(case, *case.merged(LIMITS[limits]))


@pytest.mark.parametrize("limits", LIMITS)
@given(case=cases(types=(torch.float64,)))
@settings(max_examples=20)
def test_in_float64_it_is_exact(limits, case):
    found, _ = case.merged(LIMITS[limits])
    for f, e in zip(found, reference(case)[0], strict=True):
        if e is not None:
            torch.testing.assert_close(f, e, rtol=1e-11, atol=1e-12)


@settings(max_examples=30)
@given(cases(), st.sampled_from(["mgcm", "pcgrad", "discard", "sum"]))
def test_limits_change_nothing_but_rounding(case, rule):
    [first, *others] = [case.merged(limits, rule) for limits in LIMITS.values()]
    for found, report in others:
        order = [report.groups.index(group) for group in first[1].groups]
        torch.testing.assert_close(report.gramian[order], first[1].gramian, rtol=1e-5, atol=1e-5)
        clear = first[1].gramian[:, 0, 1:].abs() > 1e-4
        assert torch.equal(report.conflict()[order][clear], first[1].conflict()[clear])
        for f, e in zip(found, first[0], strict=True):
            assert (f is None) == (e is None)
            if e is not None and (rule == "sum" or clear.all()):
                torch.testing.assert_close(f, e, rtol=4 * torch.finfo(e.dtype).eps, atol=1e-4
                                           if e.dtype in (torch.float32, torch.float64) else 2e-2)


@pytest.mark.parametrize("limits", LIMITS)
@given(case=cases())
@settings(max_examples=10)
def test_twice_is_the_same_bit_for_bit(limits, case):
    (once, report), (twice, again) = (case.merged(LIMITS[limits]) for _ in range(2))
    assert torch.equal(report.gramian, again.gramian)
    assert all(a is b is None or torch.equal(a, b) for a, b in zip(once, twice, strict=True))


@pytest.mark.parametrize("elements", [1, 40, 1000])
@pytest.mark.parametrize("limits", LIMITS)
def test_slices_of_the_wide_copy_change_nothing(monkeypatch, limits, elements):
    case = made([Parameter(number % 3, (9, 9), torch.float32, "contiguous", (True,) * 3) for number in range(5)])
    monkeypatch.setattr(flat_module, "AT_ONCE", elements)
    assert_reference(case, *case.merged(LIMITS[limits]))


@pytest.mark.parametrize("present", [(0, 2), (1, 2), (1, 3), (0, 1, 3), (2,), (3, 0)])
@pytest.mark.parametrize("limits", LIMITS)
def test_only_some_tasks_in_a_chunk(limits, present):
    flags = tuple(task in present for task in range(4))
    case = made([Parameter(number, (12,), torch.float32, "contiguous", flags) for number in range(3)])
    assert_reference(case, *case.merged(LIMITS[limits]))


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("shape", [(0,), (3, 0)])
@pytest.mark.parametrize("beside", [False, True])
def test_parameters_without_elements(limits, shape, beside):
    sizes = [shape, (5,)] if beside else [shape]
    case = made([Parameter(number, size, torch.float32, "contiguous", (True, True))
                 for number, size in enumerate(sizes)])
    found, _ = case.merged(LIMITS[limits])
    assert [f.shape for f in found] == [p.shape for p in case.parameters]


def test_one_merger_serves_any_pattern_in_turn():
    """A plan belongs to its own parameters, types and absent gradients."""
    case = made([Parameter(number % 3, (4, 3), torch.float32, "contiguous", (True,) * 3) for number in range(6)])
    merger = Merger(Groups(case.model), make_rule("mgcm"))
    for missing in [(), (0,), (4, 1), (), (2,)]:
        for order in ([0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 2, 4], [0, 3]):
            gradients = [[None if position in missing and task != 1 else of_task[position] for position in order]
                         for task, of_task in enumerate(case.gradients)]
            part = Case(case.model, [case.parameters[position] for position in order], gradients)
            report = Report(["0", "1", "2"])
            found = merger.merge(part.parameters, [list(of_task) for of_task in gradients], report, 0)
            assert_reference(part, found, report)
    case.model.double()
    wide = case._replace(gradients=[[g.double() for g in of_task] for of_task in case.gradients])
    report = Report(["0", "1", "2"])
    assert_reference(wide, merger.merge(wide.parameters, [list(g) for g in wide.gradients], report, 0), report)


@pytest.mark.parametrize("beside", [-1, 0, 1])
def test_a_parameter_as_large_as_the_largest_that_is_copied(beside):
    model = nn.Linear(24, 1, bias=False).double()
    gradients_TD = torch.randn(3, 24).double()
    merger = Merger(Groups(model), make_rule("sum"), limits=Limits(tile=8, chunk=64, alone=24 + beside))
    report = Report(("0", "1", "2"))
    [found] = merger.merge([model.weight], [[row.view(1, -1)] for row in gradients_TD], report, 0)
    torch.testing.assert_close(found[0], gradients_TD.sum(0))
    torch.testing.assert_close(report.gramian[0], gradients_TD @ gradients_TD.T)


def test_a_parameter_in_three_equal_stretches():
    """Of the one in the middle, start and end add up to the parameter's size."""
    model = nn.Linear(24, 1, bias=False).double()
    gradients_TD = torch.randn(3, 24).double()
    merger = Merger(Groups(model), make_rule("sum"), limits=Limits(tile=8, chunk=8, alone=64))
    report = Report(("0", "1", "2"))
    [found] = merger.merge([model.weight], [[row.view(1, -1)] for row in gradients_TD], report, 0)
    torch.testing.assert_close(found[0], gradients_TD.sum(0))
    torch.testing.assert_close(report.gramian[0], gradients_TD @ gradients_TD.T)


@pytest.mark.parametrize("limits", LIMITS)
@given(case=cases(types=(torch.float64, torch.float32)))
@settings(max_examples=20)
def test_squares_are_those_of_each_group(limits, case):
    """Of each worker's own gradients, for task weights."""
    layout = Layout(Groups(case.model), case.parameters, case.gradients, LIMITS[limits], Zeros())
    if not layout.groups:
        return
    squares_NT = layout.squares(case.gradients)
    members = Groups(case.model).members(case.parameters)
    for row, group in enumerate(layout.groups):
        for task, of_task in enumerate(case.gradients):
            present = [of_task[p].double() for p in members[group] if of_task[p] is not None]
            expected = sum((gradient.square().sum() for gradient in present), torch.zeros((), dtype=torch.float64))
            torch.testing.assert_close(squares_NT[row, task], expected, rtol=1e-5, atol=1e-9)
