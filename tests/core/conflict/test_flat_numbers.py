"""Merging through flat vectors where numbers are hard: not finite, tiny, huge, nearly orthogonal, of half precision."""

import math

import pytest
import torch
from torch import nn

from mgcm_fairseq.core.conflict import Groups, Report, make_rule
from mgcm_fairseq.core.conflict.merge import Merger
from tests.core.conflict.flat_cases import LIMITS, Parameter, made


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
