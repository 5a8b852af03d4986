"""Merging through flat vectors, against float64 and loops over groups: any sizes, types, layouts, absent gradients."""

import math
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from mgcm_fairseq.core.conflict import Groups, Report, make_rule
from mgcm_fairseq.core.conflict import flat as flat_module
from mgcm_fairseq.core.conflict.flat import Limits, Member, Zeros, chunks
from mgcm_fairseq.core.conflict.merge import Merger
from mgcm_fairseq.measuring.operators import Operators

TINY = Limits(tile=8, chunk=16, alone=1 << 40)  # most groups span chunks
LIMITS = {"one chunk": Limits(tile=32, chunk=1 << 20, alone=1 << 40), "many chunks": TINY,
          "some alone": Limits(tile=8, chunk=64, alone=30), "all alone": Limits(tile=8, chunk=64, alone=0)}
SHAPES = ((), (1,), (7,), (8,), (3, 5), (2, 3, 4), (41,), (9, 9), (0,), (4, 0))
TYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
LAYOUTS = {
    "contiguous": lambda g: g,
    "transposed": lambda g: g.transpose(0, -1).contiguous().transpose(0, -1) if g.dim() > 1 else g,
    "expanded": lambda g: g[..., :1].expand(g.shape) if g.dim() and g.numel() else g,
    "strided": lambda g: torch.stack([g, g], -1)[..., 0],
}


class Parameter(NamedTuple):
    group: int
    shape: tuple
    dtype: torch.dtype
    layout: str
    present: tuple  # of each task


class Case(NamedTuple):
    model: nn.Module
    parameters: list
    gradients: list  # of each task, of each parameter

    def merged(self, limits, rule="mgcm"):
        """The merged gradients and the report."""
        merger = Merger(Groups(self.model), make_rule(rule) if isinstance(rule, str) else rule,
                        limits=limits)
        report = Report([str(task) for task in range(len(self.gradients))])
        return merger.merge(self.parameters, [list(of_task) for of_task in self.gradients], report, 0), report


def made(parameters, seed=0):
    """Groups are modules; parameters come in the order given, so that groups are mixed."""
    generator = torch.Generator().manual_seed(seed)
    model = nn.Module()
    model.parts = nn.ModuleList(nn.Module() for _ in range(1 + max(p.group for p in parameters)))
    own = [nn.Parameter(torch.zeros(p.shape, dtype=p.dtype)) for p in parameters]
    for number, (parameter, p) in enumerate(zip(own, parameters, strict=True)):
        model.parts[p.group].register_parameter(f"p{number}", parameter)
    common = [torch.randn(p.shape, generator=generator) for p in parameters]  # so that many groups are in conflict
    gradients = [[LAYOUTS[p.layout](((-1) ** task * base + torch.randn(p.shape, generator=generator)).to(p.dtype))
                  if p.present[task] else None for p, base in zip(parameters, common, strict=True)]
                 for task in range(len(parameters[0].present))]
    return Case(model, own, gradients)


@st.composite
def cases(draw, types=TYPES, tasks=(2, 3, 4)):
    count = draw(st.sampled_from(tasks))
    parameter = st.builds(Parameter, st.integers(0, 4), st.sampled_from(SHAPES), st.sampled_from(types),
                          st.sampled_from(list(LAYOUTS)), st.tuples(*[st.booleans()] * count))
    return made(draw(st.lists(parameter, min_size=1, max_size=9)), draw(st.integers(0, 99)))


def reference(case):
    """MGCM of each group on concatenated vectors in float64; and whether each auxiliary is in conflict."""
    groups = Groups(case.model)
    merged, conflicts = [None] * len(case.parameters), {}
    for group, positions in groups.members(case.parameters).items():
        vectors = [torch.cat([torch.zeros(case.parameters[p].numel(), dtype=torch.float64) if of_task[p] is None
                              else of_task[p].double().flatten() for p in positions]) for of_task in case.gradients]
        primary, total, dots = vectors[0], vectors[0].clone(), []
        for auxiliary in vectors[1:]:
            dots.append((primary @ auxiliary).item())
            total += auxiliary - min(dots[-1], 0) / (primary @ primary or 1) * primary
        solid = [p for p in positions if case.parameters[p].numel()]
        if sum(any(of_task[p] is not None for p in solid) for of_task in case.gradients) > 1:
            conflicts[group] = dots
        for p, part in zip(positions, total.split([case.parameters[p].numel() for p in positions]), strict=True):
            if any(of_task[p] is not None for of_task in case.gradients):
                merged[p] = part.view(case.parameters[p].shape)
    return merged, conflicts


def assert_reference(case, found, report):
    expected, conflicts = reference(case)
    whole = sum(e.square().sum().item() for e in expected if e is not None) ** 0.5
    for parameter, f, e in zip(case.parameters, found, expected, strict=True):
        assert (f is None) == (e is None)
        if f is not None:
            assert (f.dtype, f.shape) == (parameter.dtype, parameter.shape)
            bound = 4 * max(torch.finfo(parameter.dtype).eps, 1e-7)  # weights are in fp32, except beside fp64
            assert (f.double() - e).norm() <= bound * whole
    rows = dict(zip(report.groups, report.conflict().tolist(), strict=True))
    assert set(rows) == set(conflicts)
    for group, dots in conflicts.items():
        assert all(found == (dot < 0) for found, dot in zip(rows[group], dots, strict=True) if abs(dot) > 1e-4)


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
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("task", [0, 1])
def test_what_is_not_finite_stays_in_its_group(limits, bad, task):
    case = made([Parameter(number % 3, (5, 5), torch.float32, "contiguous", (True,) * 3) for number in range(6)])
    clean, _ = case.merged(LIMITS[limits])
    case.gradients[task][1][2, 3] = bad
    found, report = case.merged(LIMITS[limits])
    for position, (f, c) in enumerate(zip(found, clean, strict=True)):
        assert torch.equal(f, c) if position % 3 != 1 else not f.isfinite().all() or position == 4
    assert report.gramian.flatten(1).isfinite().all(1).tolist() == [group != 1 for group in report.groups]


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("shape", [(0,), (3, 0)])
@pytest.mark.parametrize("beside", [False, True])
def test_parameters_without_elements(limits, shape, beside):
    sizes = [shape, (5,)] if beside else [shape]
    case = made([Parameter(number, size, torch.float32, "contiguous", (True, True))
                 for number, size in enumerate(sizes)])
    found, _ = case.merged(LIMITS[limits])
    assert [f.shape for f in found] == [p.shape for p in case.parameters]


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("scale", [1e-25, 1e-15, 1e15])
def test_small_and_large_gradients_keep_their_conflicts(limits, scale):
    case = made([Parameter(number % 4, (6, 6), torch.float32, "contiguous", (True,) * 3) for number in range(8)])
    scaled = case._replace(gradients=[[scale * g for g in of_task] for of_task in case.gradients])
    (expected, report), (found, of_scaled) = case.merged(LIMITS[limits]), scaled.merged(LIMITS[limits])
    assert report.conflict().any()
    assert torch.equal(of_scaled.conflict(), report.conflict())
    for f, e in zip(found, expected, strict=True):
        torch.testing.assert_close(f.double() / scale, e.double(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("limits", ["one chunk", "many chunks"])
def test_nearly_orthogonal_gradients_keep_their_sign(limits, sign):
    """Their inner product is lost in TF32, and in fp32 it is a matter of luck."""
    case = made([Parameter(0, (1001,), torch.float32, "contiguous", (True, True))])
    primary = torch.randn(1001)
    other = torch.cat([primary[500:1000], -primary[:500], primary[:1]])
    other[-1] = sign * 1e-5
    primary[-1] = 1.0
    case.gradients[:] = [[primary], [other]]
    _, report = case.merged(LIMITS[limits])
    assert report.conflict().tolist() == [[sign < 0]]
    assert report.gramian[0, 0, 1].item() == pytest.approx(sign * 1e-5, rel=1e-6)


def test_gradients_are_given_up_as_they_are_merged():
    """So that each can be freed while others are merged."""
    case = made([Parameter(number % 3, (9, 9), torch.float32, "contiguous", (True,) * 3) for number in range(5)])
    for limits in LIMITS.values():
        merger = Merger(Groups(case.model), make_rule("mgcm"), limits=limits)
        given_up = [list(of_task) for of_task in case.gradients]
        merger.merge(case.parameters, given_up, Report(["0", "1", "2"]), 0)
        assert all(gradient is None for of_task in given_up for gradient in of_task)


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


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("scope", ["judged", "summed"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_sum_of_half_precision_is_rounded_once(dtype, scope, limits):
    """In half precision 2,048 + 1 + 1 would be 2,048, and 256 + 1 + 1 be 256."""
    model = nn.ModuleDict({"judged": nn.Linear(1, 1), "summed": nn.Linear(1, 1, bias=False)}).to(dtype)
    merger = Merger(Groups(model, scope=scope), make_rule("sum"))
    merger.limits = LIMITS[limits]
    large = {torch.float16: 2048.0, torch.bfloat16: 256.0}[dtype]
    gradients = [[torch.full((1, 1), value, dtype=dtype)] for value in (large, 1.0, 1.0)]
    [found] = merger.merge([model["summed"].weight], gradients, Report(["0", "1", "2"]), 0)
    assert (found.item(), found.dtype) == (large + 2, dtype)


@pytest.mark.parametrize("beside", [-1, 0, 1])
def test_a_parameter_as_large_as_the_largest_that_is_copied(beside):
    model = nn.Linear(24, 1, bias=False).double()
    gradients_TD = torch.randn(3, 24).double()
    merger = Merger(Groups(model), make_rule("sum"), limits=Limits(tile=8, chunk=64, alone=24 + beside))
    report = Report(("0", "1", "2"))
    [found] = merger.merge([model.weight], [[row.view(1, -1)] for row in gradients_TD], report, 0)
    torch.testing.assert_close(found[0], gradients_TD.sum(0))
    torch.testing.assert_close(report.gramian[0], gradients_TD @ gradients_TD.T)
