"""Groups of languages: SciPy's linkage, silhouettes by hand, planted partitions, and what merges."""

import itertools

import pytest
import torch
from scipy.cluster.hierarchy import fcluster
from scipy.cluster.hierarchy import linkage as theirs
from scipy.spatial.distance import squareform

from mgcm_fairseq.core.sharing.grouping import distances, grouped, linkage, silhouette
from mgcm_fairseq.core.sharing.similarity import canonical, cosines, similarities, true_cosines
from mgcm_fairseq.core.sharing.stability import agreement, bootstrap, settled
from tests.core.sharing.planted import gramians

PLANTED = {"aaabbb": ((0, 1, 2), (3, 4, 5)), "aabbcc": ((0, 1), (2, 3), (4, 5)), "aaab": ((0, 1, 2), (3,)),
           "aaaa": ((0, 1, 2, 3),), "abcd": ((0,), (1,), (2,), (3,)), "ab": ((0,), (1,)), "aa": ((0, 1),)}


def points(count, seed):
    """(count, count) distances of random points."""
    drawn = torch.rand(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.cdist(drawn, drawn)


@pytest.mark.parametrize("seed", range(10))
def test_the_tree_is_scipys(seed):
    distance = points(7, seed)
    tree = theirs(squareform(distance.numpy(), checks=False), "average")
    for cut in linkage(distance.tolist()):
        labels = fcluster(tree, len(cut), "maxclust")
        assert cut == canonical([[i for i in range(7) if labels[i] == label] for label in sorted(set(labels))])


def test_a_silhouette_by_hand():
    """Points 0, 1 and 5 of a line, of which the last is alone."""
    distance = [[0.0, 1, 5], [1, 0, 4], [5, 4, 0]]
    assert silhouette(distance, ((0, 1), (2,))) == pytest.approx((4 / 5 + 3 / 4 + 0) / 3)


def test_a_silhouette_is_against_the_nearest_other_group():
    """Points 0, 1, 5, 6 and 20 of a line."""
    points = [0.0, 1, 5, 6, 20]
    distance = [[abs(one - other) for other in points] for one in points]
    expected = (4.5 / 5.5 + 3.5 / 4.5 + 3.5 / 4.5 + 4.5 / 5.5 + 0) / 5
    assert silhouette(distance, ((0, 1), (2, 3), (4,))) == pytest.approx(expected)


def groups_of(names, own=1.5, noise=2.0, **kwargs):
    measured = similarities(cosines(gramians(names, own=own, noise=noise, **kwargs)), len(names))
    return [grouped(distance).groups for distance in distances(true_cosines(measured))]


@pytest.mark.parametrize("names", PLANTED)
@pytest.mark.parametrize("noise", [2.0, 8.0])
def test_planted_partitions_are_found(names, noise):
    """At noise of 8 times the signal all languages alike are only one group if the batches are many."""
    batches = 32 if noise == 2 else 128
    assert set(groups_of(names, noise=noise, batches=batches, size=1024)) == {PLANTED[names]}


def test_the_order_of_languages_does_not_matter():
    distance = distances(true_cosines(similarities(cosines(gramians("aabbc", noise=2)), 5)))[0]
    for order in itertools.permutations(range(5)):
        turned = grouped(distance[list(order)][:, list(order)]).groups
        assert canonical([[order[language] for language in group] for group in turned]) == ((0, 1), (2, 3), (4,))


def test_an_unknown_distance_keeps_all_languages_together():
    distance = torch.ones(3, 3).double()
    distance[0, 2] = distance[2, 0] = torch.nan
    assert grouped(distance).groups == ((0, 1, 2),)


def test_cosines_above_one_are_no_negative_distances():
    assert torch.equal(distances(torch.tensor([[1, 1.2], [1.2, 1]])), torch.zeros(2, 2))


@pytest.mark.parametrize(("pairs", "expected"), [
    ([], ((0, 1), (2, 3), (4,))), ([(1, 2)], ((0, 1, 2, 3), (4,))), ([(0, 1)], ((0, 1), (2, 3), (4,))),
    ([(0, 4), (2, 4)], ((0, 1, 2, 3, 4),))])
def test_unstable_pairs_are_merged(pairs, expected):
    """With their groups; those that are together already stay so."""
    share = torch.ones(5, 5)
    for a, b in pairs:
        share[a, b] = share[b, a] = 0.79
    assert settled(((0, 1), (2, 3), (4,)), share) == expected


def test_the_bootstrap_agrees_on_planted_groups_and_doubts_others():
    groups = ((0, 1), (2, 3))
    drawn = bootstrap(4, 128, 100, torch.Generator().manual_seed(0))
    planted = cosines(gramians("aabb", noise=2))[0]
    assert agreement(planted, groups, drawn).min() == 1
    alike = agreement(cosines(gramians("aaaa", own=0, noise=8))[0], groups, drawn)
    assert alike[0, 2] < 0.8
    assert settled(groups, alike) == ((0, 1, 2, 3),)


def test_a_bootstrap_draws_as_many_batches_as_each_language_has():
    drawn = bootstrap(3, 15, 50, torch.Generator().manual_seed(0))
    assert torch.equal(drawn.sum(1), torch.full((50, 3), 5).double())
    own = torch.arange(15) // 5
    assert not drawn[:, own[:, None] != torch.arange(3)].any()
    assert drawn.mean(0).sum(1).sub(1).abs().max() < 0.5
