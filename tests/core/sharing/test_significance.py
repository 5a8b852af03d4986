"""Permutation test and false discoveries: by loops, calibrated under the null, strong with planted groups."""

import math

import pytest
import torch

from mgcm_fairseq.core.sharing.significance import adjusted, p_value, permutations_needed, permuted
from mgcm_fairseq.core.sharing.similarity import cosines, deltas, similarities
from tests.core.sharing.planted import gradients, gramians

SINGLETONS = ((0,), (1,), (2,), (3,))


def p_values(gramian_NBB, groups=SINGLETONS):
    drawn = permuted(4, gramian_NBB.size(1), 200, torch.Generator().manual_seed(5))
    return torch.tensor([p_value(part, groups, drawn) for part in cosines(gramian_NBB)])


def test_it_counts_permutations_as_loops_do():
    vectors = gradients("abcd", own=0.3, noise=2, batches=4, size=64)
    gramian_NBB = (vectors @ vectors.transpose(1, 2)).double()
    drawn = permuted(4, 16, 50, torch.Generator().manual_seed(1))
    observed = deltas(similarities(cosines(gramian_NBB), 4)).mean()
    count = 0
    for counts in drawn:
        order = torch.cat([counts[:, language].nonzero().flatten() for language in range(4)])
        turned = vectors[:, order]
        count += int(deltas(similarities(cosines((turned @ turned.transpose(1, 2)).double()), 4)).mean() >= observed)
    assert 0 < count < 50
    assert p_value(cosines(gramian_NBB)[0], SINGLETONS, drawn) == (1 + count) / 51


def test_a_permutation_gives_every_batch_to_one_language_and_each_as_many():
    drawn = permuted(3, 15, 100, torch.Generator().manual_seed(0))
    assert torch.equal(drawn.sum(2), torch.ones(100, 15).double())
    assert torch.equal(drawn.sum(1), torch.full((100, 3), 5).double())
    assert len({tuple(one.flatten().tolist()) for one in drawn}) > 90


@pytest.mark.parametrize("groups", [SINGLETONS, ((0, 1), (2, 3))])
def test_false_positives(groups):
    """1,000 draws of languages that are alike: as many p below a level as it says, within 2.5 standard deviations."""
    found = p_values(gramians("aaaa", own=0, noise=4, batches=8, size=64, draws=1000, seed=7), groups)
    for level in (0.05, 0.2, 0.5):
        share = float((found <= level).double().mean())
        assert share == pytest.approx(level, abs=2.5 * math.sqrt(level * (1 - level) / 1000))


def test_power():
    """Two groups at noise of 8 times the signal: at least 95 of 100 are found."""
    found = p_values(gramians("aabb", own=1.0, noise=8, size=512, draws=100, seed=1), ((0, 1), (2, 3)))
    assert int((found <= 0.05).sum()) >= 95


def test_shuffled_labels_hide_planted_groups():
    order = torch.rand(128, generator=torch.Generator().manual_seed(3)).argsort()
    planted = gramians("aabb", own=1.5, noise=2, draws=20)
    assert p_values(planted).max() == pytest.approx(1 / 201)
    assert p_values(planted[:, order][:, :, order]).median() > 0.1


def test_a_permutation_that_is_the_labels_own_counts_though_rounding_differs():
    own = torch.eye(2).double().repeat_interleave(4, 0)[None].expand(20, -1, -1)
    part = cosines(gramians("ab", noise=2, batches=4))[0]
    assert p_value(part, ((0,), (1,)), torch.cat([own, own.flip(2)])) == 1


def test_benjamini_and_hochberg_by_hand():
    """The example of a step-up: .04 is found for the sake of .041."""
    p_N = torch.tensor([0.041, 0.001, math.nan, 0.04, 0.9, 0.03], dtype=torch.float64)
    expected = torch.tensor([0.05125, 0.005, math.nan, 0.05125, 0.9, 0.05125]).double()
    torch.testing.assert_close(adjusted(p_N), expected, equal_nan=True)
    assert adjusted(torch.tensor([math.nan])).isnan().all()


def test_one_part_in_many_can_be_found():
    for parts in (1, 12, 100):
        permutations = permutations_needed(parts)
        p_N = torch.ones(parts, dtype=torch.float64)
        p_N[0] = 1 / (1 + permutations)
        assert adjusted(p_N)[0] <= 0.05
    assert permutations_needed(12) == 240
    twelve_with_200 = torch.ones(12).double()
    twelve_with_200[0] = 1 / 201
    assert adjusted(twelve_with_200)[0] > 0.05
