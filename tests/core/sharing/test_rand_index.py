"""The adjusted Rand index against the table of its paper's formula, and what it has to be."""

from itertools import permutations
from math import comb

import pytest

from mgcm_fairseq.core.sharing import adjusted_rand

PARTITIONS = [["abcd"], ["ab", "cd"], ["ac", "bd"], ["abc", "d"], ["ab", "c", "d"], ["a", "b", "c", "d"]]


def by_table(found, truth):
    """Hubert and Arabie's (5), from the table of how many things two groups have in common."""
    pairs = sum(comb(len(set(one) & set(other)), 2) for one in found for other in truth)
    rows, columns = (sum(comb(len(group), 2) for group in groups) for groups in (found, truth))
    expected = rows * columns / comb(sum(map(len, found)), 2)
    return (pairs - expected) / ((rows + columns) / 2 - expected)


@pytest.mark.parametrize("found", PARTITIONS[1:-1])
@pytest.mark.parametrize("truth", PARTITIONS[1:-1])
def test_it_is_the_tables(found, truth):
    assert adjusted_rand(found, truth) == pytest.approx(by_table(found, truth))


@pytest.mark.parametrize("groups", PARTITIONS)
def test_the_same_partition_has_one_in_any_order(groups):
    assert adjusted_rand(groups, [group[::-1] for group in groups[::-1]]) == 1


def test_all_in_one_group_and_each_alone_say_nothing_of_two_groups():
    assert adjusted_rand(["abcd"], ["ab", "cd"]) == adjusted_rand(["a", "b", "c", "d"], ["ab", "cd"]) == 0
    assert adjusted_rand(["ac", "bd"], ["ab", "cd"]) == pytest.approx(-0.5)


def test_random_partitions_have_zero_on_average():
    drawn = ["".join(order) for order in permutations("abcdef")]
    found = [adjusted_rand([order[:3], order[3:]], ["ab", "cdef"]) for order in drawn]
    assert sum(found) / len(found) == pytest.approx(0, abs=1e-12)


def test_other_languages_are_refused():
    with pytest.raises(ValueError, match="expected two of the same languages"):
        adjusted_rand(["ab", "c"], ["ab", "d"])
