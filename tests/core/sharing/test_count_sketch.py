"""A CountSketch keeps what gradients have to do with each other."""

import pytest
import torch

from mgcm_fairseq.core.sharing.count_sketch import SIZE, count_sketch


def test_a_sketch_keeps_inner_products_nearly():
    generator = torch.Generator().manual_seed(0)
    x_BP = torch.randn(8, 30_000, generator=generator) + torch.randn(30_000, generator=generator)
    sketches = torch.stack([count_sketch(row, "a") for row in x_BP])
    cosines = torch.nn.functional.normalize(sketches) @ torch.nn.functional.normalize(sketches).T
    exact = (torch.nn.functional.normalize(x_BP) @ torch.nn.functional.normalize(x_BP).T).double()
    assert (cosines - exact).abs().max() < 4 * (1 - 0.5**2) / SIZE**0.5
    assert torch.equal(count_sketch(x_BP[0], "a"), sketches[0])
    assert not torch.equal(count_sketch(x_BP[0], "b"), sketches[0])


def test_a_sketch_keeps_the_norm_of_elements_that_are_alike():
    """Signs are as often + as -: else the sum of all elements would be in it."""
    squares = [float(count_sketch(torch.ones(30_000), name).square().sum()) for name in "abcdefgh"]
    assert sum(squares) / 8 == pytest.approx(30_000, rel=0.1)


def test_elements_are_spread_over_all_sums():
    assert (count_sketch(torch.ones(20 * SIZE), "a") != 0).double().mean() > 0.8
