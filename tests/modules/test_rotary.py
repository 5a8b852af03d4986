"""Rotary positions against complex numbers: a head's pairs of numbers turn by position times rate."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from mgcm_fairseq.modules import positions
from mgcm_fairseq.modules.attention import MultiheadAttention
from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.positions import RotaryPositions, SinusoidalPositions

DIM, HEADS = 16, 2


def turned(x_BHTD, start):
    """x_j + i x_{j + d/2}, times exp(i p 10000^(-2j/d))."""
    size = x_BHTD.size(3)
    rate = 10_000.0 ** (-2 * torch.arange(size // 2, dtype=torch.float64) / size)
    angle = (start + torch.arange(x_BHTD.size(2), dtype=torch.float64)).unsqueeze(1) * rate
    pairs = torch.complex(x_BHTD[..., :size // 2], x_BHTD[..., size // 2:]) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([pairs.real, pairs.imag], 3)


@pytest.mark.parametrize("start", [0, 7, 1_020, 50_000])
def test_pairs_turn_by_position_times_rate(start):
    x_BHTD = torch.randn(2, HEADS, 9, 8, dtype=torch.float64)
    torch.testing.assert_close(RotaryPositions(8)(x_BHTD, start), turned(x_BHTD, start), atol=1e-12, rtol=0)


@torch.no_grad()
def test_attention_turns_queries_and_keys_by_their_own_positions():
    made = MultiheadAttention(DIM, HEADS, 0.0, RotaryPositions(DIM // HEADS)).double().eval()
    x_BTD = torch.randn(1, 6, DIM, dtype=torch.float64)
    query, (key, value) = made._split(made.q_proj(x_BTD)), made.project(x_BTD)
    weights = torch.softmax(turned(query, 3) @ turned(key, 3).mT * (DIM // HEADS) ** -0.5, 3)  # any start
    expected = made.out_proj((weights @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(made(x_BTD, x_BTD, None), expected, atol=1e-12, rtol=0)
    cache = Cache()
    mask = torch.ones(1, 1, 6, 6, dtype=torch.bool).tril()
    parts = [made.step(part, cache, "0", mask[:, :, start:start + 2, :start + 2])
             for start, part in zip((0, 2, 4), x_BTD.split(2, 1), strict=True)]
    torch.testing.assert_close(torch.cat(parts, 1), made(x_BTD, x_BTD, mask), atol=1e-12, rtol=0)


def test_an_odd_head_has_no_pairs():
    with pytest.raises(ValueError, match="heads of even size, found 7"):
        RotaryPositions(7)


@pytest.mark.parametrize("kind", [RotaryPositions, SinusoidalPositions])
def test_another_threads_smaller_table_does_no_harm(kind):
    """It replaces a larger one just after that has been made."""
    class Contended(kind):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if isinstance(value, torch.Tensor):
                super().__setattr__(name, value.narrow(-2, 0, 1_024))

    x_BHTD = torch.randn(1, 1, 3_000, 8)
    x = x_BHTD if kind is RotaryPositions else x_BHTD[0]
    assert torch.equal(Contended(8)(x), kind(8)(x))


def counted(monkeypatch):
    """Positions for which angles will have been made: a growing list of (start, end)."""
    made, build = [], positions.turns

    def count(dim, start, end):
        made.append((start, end))
        return build(dim, start, end)

    monkeypatch.setattr(positions, "turns", count)
    positions.far_turns.cache_clear()
    return made


def test_far_positions_are_made_once_for_all_layers(monkeypatch):
    made = counted(monkeypatch)
    rotary = RotaryPositions(8)
    x_BHTD = torch.randn(1, HEADS, 5, 8)
    found = [rotary(x_BHTD, start) for _ in range(6) for start in (3_000, 70_000)]  # two streams beside each other
    assert made == [(0, 1_024), (3_000, 3_005), (70_000, 70_005)]
    for one, start in zip(found, (3_000, 70_000) * 6, strict=True):
        torch.testing.assert_close(one.double(), turned(x_BHTD.double(), start), atol=1e-5, rtol=0)
    assert rotary(x_BHTD.double(), 3_000).dtype == torch.float64
    assert made[3:] == [(3_000, 3_005)], "in another precision they are made anew"


def test_far_positions_of_an_agent_serve_a_pass_with_gradients(monkeypatch):
    counted(monkeypatch)
    rotary, x_BHTD = RotaryPositions(8), torch.randn(1, HEADS, 5, 8)
    with torch.inference_mode():
        expected = rotary(x_BHTD, 5_000)
    found = rotary(x_BHTD.requires_grad_(), 5_000)
    found.sum().backward()
    assert torch.equal(found, expected)


def test_far_positions_of_threads_are_each_their_own():
    rotary = RotaryPositions(8)
    x_BHTD = torch.randn(1, HEADS, 5, 8, dtype=torch.float64)

    def right(thread):
        starts = [2_000 * thread + step for step in range(2_000, 2_100)]
        return all(torch.allclose(rotary(x_BHTD, start), turned(x_BHTD, start), atol=1e-9, rtol=0) for start in starts)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(right, range(8)))


def test_a_table_that_has_grown_turns_as_one_that_was_long_enough():
    x_BHTD = torch.randn(1, HEADS, 1_500, 8, dtype=torch.float64)
    torch.testing.assert_close(RotaryPositions(8)(x_BHTD), turned(x_BHTD, 0), atol=1e-12, rtol=0)
