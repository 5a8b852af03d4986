"""Which hidden units go private: sums over units are the FFN's, planted units are found."""

import math

import pytest
import torch

from mgcm_fairseq.core.sharing.similarity import cosines, of_groups, similarities
from mgcm_fairseq.core.sharing.units import private_count, private_units, share_ratio, unit_similarities

EACH, HIDDEN, WIDE = 16, 12, 9  # a unit has WIDE parameters
GROUPS = ((0, 1), (2, 3))
PRIVATE = (2, 3, 7, 11)  # where groups disagree
DIVERSE = (5, 6)  # where every language goes its own way


def vectors():
    """(4, EACH, HIDDEN, WIDE) gradients of an FFN, unit by unit."""
    generator = torch.Generator().manual_seed(0)
    signal = torch.randn(HIDDEN, WIDE, generator=generator).repeat(4, 1, 1)
    signal[2:, PRIVATE] *= -1
    signal[:, DIVERSE] = torch.randn(4, len(DIVERSE), WIDE, generator=generator)
    return (signal[:, None] + torch.randn(4, EACH, HIDDEN, WIDE, generator=generator)).double()


def measured():
    found = vectors()
    units = found / found.flatten(2).norm(dim=2)[:, :, None, None]
    sums = units.sum(1)
    return unit_similarities(torch.einsum("ahw,bhw->hab", sums, sums), units.square().sum((1, 3)).T, EACH)


def test_the_sum_over_units_is_the_ffn():
    flat = vectors().flatten(0, 1).flatten(1)
    torch.testing.assert_close(measured().sum(0), similarities(cosines((flat @ flat.T)[None]), 4)[0])


def test_units_about_which_groups_disagree_go_private():
    assert private_units(measured(), GROUPS, len(PRIVATE)) == PRIVATE
    assert set(private_units(measured(), ((0,), (1,), (2,), (3,)), HIDDEN // 2)) == {*PRIVATE, *DIVERSE}


@pytest.mark.parametrize(("ratio", "count"), [(0.875, 1), (0.5, 6), (0.125, 10)])
def test_as_many_units_as_the_ratio_says(ratio, count):
    found = private_units(measured(), GROUPS, private_count(HIDDEN, ratio))
    assert len(found) == count
    assert list(found) == sorted(found)
    deltas = of_groups(measured(), GROUPS)
    own = (deltas[:, 0, 0] + deltas[:, 1, 1]) / 2 - deltas[:, 0, 1]
    assert set(found) == set(own.argsort(descending=True)[:count].tolist())


@pytest.mark.parametrize(("score", "ratio"), [(0.3, 0.75), (0.5, 0.5), (0.0, 0.875), (-0.1, 0.875), (1.2, 0.125)])
def test_a_share_ratio_is_in_eighths_and_leaves_both_parts_something(score, ratio):
    assert share_ratio(score) == ratio


def test_nothing_is_split_without_signal():
    with pytest.raises(ValueError, match="found nan"):
        share_ratio(math.nan)
