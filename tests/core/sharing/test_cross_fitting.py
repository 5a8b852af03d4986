"""Groups from one half, judged on the other: planted groups are found, nulls stay shared, nothing leaks."""

import math

import pytest
import torch

from mgcm_fairseq.core.sharing.cross_fitting import cross_fit, halves
from mgcm_fairseq.core.sharing.significance import p_value, permuted
from mgcm_fairseq.core.sharing.similarity import cosines, deltas, of_groups, scores, similarities
from tests.core.sharing.planted import gradients, gramians

HALVES = ((0, 1), (2, 3))
SPLITS = (HALVES, ((0, 2), (1, 3)), ((0, 3), (1, 2)))


def group_deltas(part_NBB, groups):
    """(N,) mean delta of the groups."""
    return deltas(of_groups(similarities(cosines(part_NBB), 4), groups)).mean(1)


def test_the_halves_are_even_and_odd_batches_of_each_language():
    number = torch.arange(20.0)
    even, odd = halves((10 * number[:, None] + number)[None], 2)
    assert (even[0].diagonal() / 11).tolist() == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert (odd[0].diagonal() / 11).tolist() == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]
    assert (odd[0, 0] - odd[0, 0, 0]).tolist() == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
    nine_each = halves(torch.arange(18.0).diag()[None], 2)[1]
    assert nine_each[0].diagonal().tolist() == [1, 3, 5, 7, 10, 12, 14, 16]
    for batches in (14, 17):
        with pytest.raises(ValueError, match=f"expected .* and 8 batches of each.*found 2 languages and {batches} b"):
            halves(torch.zeros(1, batches, batches), 2)


def test_parts_with_planted_groups_are_found_among_others():
    alike = gramians("aaaa", own=0, noise=4, draws=9, size=512, seed=1)
    planted = gramians("aabb", own=1.0, noise=4, draws=3, size=512, seed=2)
    fits = cross_fit(torch.cat([alike, planted]), 4, seed=1, draws=50)
    assert [fit.differs for fit in fits] == [False] * 9 + [True] * 3
    for fit in fits[9:]:
        assert (fit.groups, fit.unknown) == (HALVES, ())
        assert fit.silhouette > 0.5
        assert fit.stable > 0.9
        assert fit.p == 1 / 201


def test_what_is_reported_is_of_the_odd_half():
    planted = gramians("aabb", noise=4, draws=2)
    _, odd = halves(planted, 4)
    for fit, delta, score in zip(cross_fit(planted, 4, seed=1, draws=20), group_deltas(odd, HALVES),
                                 scores(of_groups(similarities(cosines(odd), 4), HALVES)), strict=True):
        assert (fit.delta, fit.score) == (pytest.approx(float(delta)), pytest.approx(float(score)))
        assert 0.3 < fit.score < 0.7  # own and common direction are equally strong: a half is not common


def test_groups_do_not_depend_on_odd_batches():
    one, other = gramians("aabb", noise=4, seed=1), gramians("aaaa", own=0, noise=4, seed=2)
    even = torch.arange(one.size(1)) % 2 == 0
    mixed = torch.where(even[:, None] & even, one, torch.where(~even[:, None] & ~even, other, torch.zeros(())))
    fit, = cross_fit(mixed, 4, seed=1, draws=20)
    assert fit.groups == HALVES
    assert fit.p > 0.05
    assert not fit.differs
    assert abs(fit.delta) < 0.02


def test_a_split_that_noise_liked_has_no_delta_on_the_other_half():
    """Chosen on even batches as the best of three: there delta is above 0, on odd batches 0 in the mean."""
    even, odd = halves(gramians("aaaa", own=0, noise=4, draws=200, seed=3), 4)
    of_even, of_odd = (torch.stack([group_deltas(half, split) for split in SPLITS]) for half in (even, odd))
    best = of_even.argmax(0)[None]
    chosen = of_odd.gather(0, best)[0]
    error = float(chosen.std()) / math.sqrt(len(chosen))
    assert abs(float(chosen.mean())) < 3 * error
    assert float(of_even.gather(0, best).mean()) > 6 * error


def test_a_split_that_noise_liked_is_significant_on_that_noise_alone():
    """100 draws of languages that are alike: on odd batches 5 are expected below 0.05, and 7 allowed."""
    even, odd = halves(gramians("aaaa", own=0, noise=4, draws=100, seed=6), 4)
    best = torch.stack([group_deltas(even, split) for split in SPLITS]).argmax(0)
    drawn = permuted(4, 64, 200, torch.Generator().manual_seed(1))
    of_even, of_odd = (sum(p_value(part, SPLITS[split], drawn) <= 0.05
                           for part, split in zip(cosines(half), best.tolist(), strict=True)) for half in (even, odd))
    assert of_odd <= 7
    assert of_even > 10


@pytest.mark.parametrize("noise", [2.0, 8.0])
def test_languages_that_are_alike_are_not_split(noise):
    fits = cross_fit(gramians("aaaa", own=0, noise=noise, draws=100), 4, seed=1, draws=20)
    assert not any(fit.differs for fit in fits)


def test_power_of_the_whole_procedure():
    fits = cross_fit(gramians("aabb", noise=4, draws=100, seed=5), 4, seed=1, draws=20)
    assert sum(fit.differs and fit.groups == HALVES for fit in fits) >= 95


def test_a_part_in_which_a_language_asks_nothing_is_not_split():
    """Noise alone agrees with itself in half of the draws, by less than its error: that is no signal to group by."""
    planted = gradients("aabb", noise=2, draws=10)
    planted[:, 96:] = torch.randn(10, 32, 256, generator=torch.Generator().manual_seed(1))
    gramian_NBB = (planted @ planted.transpose(1, 2)).double()
    own_N = similarities(cosines(halves(gramian_NBB, 4)[0]), 4)[:, 3, 3]
    assert 3 < int((own_N > 0).sum()) < 8
    for fit in cross_fit(gramian_NBB, 4, seed=1, draws=20):
        assert (fit.groups, fit.unknown) == (((0, 1, 2, 3),), (3,))
        assert math.isnan(fit.p)
        assert math.isnan(fit.delta)
        assert not fit.differs


def test_a_seed_gives_the_same_again():
    planted = gramians("aabb", own=0.7, noise=4, draws=3)
    first, again, other = (cross_fit(planted, 4, seed=seed, draws=20) for seed in (1, 1, 2))
    assert repr(first) == repr(again)
    assert repr(first) != repr(other)


def test_so_many_parts_with_two_groups_each_get_as_many_permutations_as_their_number_needs():
    planted = gramians("aabb", own=1.0, noise=4, draws=1, size=512, seed=2)
    fits = cross_fit(planted.expand(12, -1, -1), 4, seed=1, draws=5)
    assert {fit.groups for fit in fits} == {HALVES}
    assert {fit.p for fit in fits} == {1 / 241}  # 12 parts at a rate of 0.05
