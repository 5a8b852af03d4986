"""Groups of parameters of any size, type and layout, for merging through flat vectors; and MGCM in float64."""

from typing import NamedTuple

import torch
from hypothesis import strategies as st
from torch import nn

from mgcm_fairseq.core.conflict import Groups, Report, make_rule
from mgcm_fairseq.core.conflict.flat import Limits
from mgcm_fairseq.core.conflict.merge import Merger

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
