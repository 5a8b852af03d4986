"""Dot products, against float64."""

import math

import pytest
import torch

from mgcm_fairseq.core.conflict import gramian
from mgcm_fairseq.core.conflict.gramian import identity, pairwise_dots, ratio

HALF = [torch.float16, torch.bfloat16]
EPSILON = {torch.float64: 1e-12, torch.float32: 1e-4, torch.float16: 1e-4, torch.bfloat16: 1e-4}
LAYOUTS = {
    "contiguous": lambda g: g,
    "transposed": lambda g: g.transpose(0, 2),
    "strided": lambda g: g[:, ::2, 1:],
    "expanded": lambda g: g[:1].expand(7, -1, -1),
    "scalar": lambda g: g[0, 0, 0],
    "empty": lambda g: g[:0],
    "channels last": lambda g: g[None].contiguous(memory_format=torch.channels_last),
}


def exact(gradients):
    size = next(g.numel() for g in gradients if g is not None)
    flat = torch.stack([torch.zeros(size).double() if g is None else g.double().flatten() for g in gradients])
    return flat @ flat.T


def assert_dots(found, gradients, dtype):
    expected = exact(gradients)
    norms = expected.diagonal().sqrt()
    assert ((found.double() - expected).abs() <= EPSILON[dtype] * norms[:, None] * norms).all()
    assert torch.equal(found, found.T)


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("chunk", [7, 1 << 16])
def test_dots_are_those_of_float64(monkeypatch, dtype, layout, chunk):
    monkeypatch.setattr(gramian, "_AT_ONCE", chunk)
    gradients = [LAYOUTS[layout](torch.randn(4, 6, 5).to(dtype)) for _ in range(3)]
    found = pairwise_dots(gradients)
    assert found.dtype == torch.float64
    assert_dots(found, gradients, dtype)


@pytest.mark.parametrize("dtype", EPSILON)
def test_more_elements_than_a_chunk_holds(dtype):
    gradients = [torch.randn(3 * gramian._AT_ONCE + 11).to(dtype) for _ in range(2)]
    assert_dots(pairwise_dots(gradients), gradients, dtype)


def test_fp32_is_not_widened_without_need():
    a, b = torch.randn(2, 1001, generator=torch.Generator().manual_seed(0))
    assert pairwise_dots([a, b])[0, 1] == torch.dot(a, b) != torch.dot(a.double(), b.double())


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("sign", [1, -1])
def test_half_precision_does_not_overflow(dtype, sign):
    top = 65504
    gradients = [torch.full((1000,), top, dtype=dtype), torch.full((1000,), sign * top, dtype=dtype)]
    found = pairwise_dots(gradients)
    assert found.isfinite().all()
    torch.testing.assert_close(found.double(), exact(gradients), rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_does_not_vanish(dtype):
    gradients = [torch.full((10,), 1e-5, dtype=dtype)] * 2  # its square is below float16
    torch.testing.assert_close(pairwise_dots(gradients).double(), exact(gradients), rtol=1e-5, atol=0)


@pytest.mark.parametrize("scale", [1e-30, 1e-25, 1e-15, 1.0, 1e15, 1e25])
def test_nor_does_fp32_vanish_or_overflow(scale):
    gradients = [scale * torch.randn(20) for _ in range(3)]
    found, expected = pairwise_dots(gradients), exact(gradients)
    assert_dots(found, gradients, torch.float32)
    assert torch.equal(found.sign(), expected.sign())


def test_a_zero_gradient_beside_others():
    gradients = [torch.zeros(5), torch.randn(5)]
    assert_dots(pairwise_dots(gradients), gradients, torch.float32)


@pytest.mark.parametrize("absent", [[0], [1], [0, 2], [1, 2]])
def test_the_row_of_an_absent_gradient_is_zero(absent):
    gradients = [None if task in absent else torch.randn(5) for task in range(3)]
    found = pairwise_dots(gradients)
    assert not found[absent].any()
    assert not found[:, absent].any()
    assert_dots(found, gradients, torch.float32)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_and_inf_are_seen(bad):
    found = pairwise_dots([torch.tensor([1.0, bad]), torch.tensor([1.0, 1.0])])
    assert found.isfinite().tolist() == [[False, False], [False, True]]


def test_gradients_are_left_as_they_are():
    gradients = [torch.randn(3, 4, requires_grad=True) for _ in range(2)]
    before = [g.detach().clone() for g in gradients]
    assert not pairwise_dots(gradients).requires_grad
    assert all(torch.equal(g, b) for g, b in zip(gradients, before, strict=True))


@pytest.mark.parametrize(("numerator", "denominator", "expected"), [
    (6.0, 3.0, 2.0), (-6.0, 3.0, -2.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, -0.0, 0.0), (math.nan, 0.0, 0.0),
    (math.inf, 2.0, math.inf), (math.nan, 2.0, math.nan), (1.0, math.nan, math.nan), (math.inf, math.inf, math.nan),
    (1.0, 1e-300, 1e300), (1e-300, 1e-300, 1.0),
])
def test_ratio(numerator, denominator, expected):
    found = ratio(torch.tensor([numerator], dtype=torch.float64), torch.tensor([denominator], dtype=torch.float64))
    assert found.item() == pytest.approx(expected, nan_ok=True, rel=1e-12, abs=0)


def test_ratio_broadcasts():
    found = ratio(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[2.0], [0.0]]))
    assert found.tolist() == [[0.5, 1], [0, 0]]


def test_identity_takes_type_and_size_and_can_be_written_to():
    found = identity(torch.zeros(2, 3, 3, dtype=torch.float64))
    assert found.dtype == torch.float64
    found[0, 0, 0] = 5
    assert found[1].tolist() == torch.eye(3).tolist()
