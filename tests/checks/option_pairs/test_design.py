"""Combinations to try: all pairs are counted, and what is proposed holds its pair and as much else as it can."""

from itertools import combinations
from random import Random

from mgcm_fairseq.checks.option_pairs.design import covered, pairs, propose

FACTORS = {"a": ["1", "2"], "b": ["1", "2", "3"], "c": ["1", "2", "3", "4"], "d": ["1", "2"]}


def test_pairs_are_those_of_a_loop_over_all_values():
    values = [(factor, value) for factor in FACTORS for value in FACTORS[factor]]
    expected = {frozenset(pair) for pair in combinations(values, 2) if pair[0][0] != pair[1][0]}
    assert pairs(FACTORS) == expected
    assert len(expected) == 2 * 3 + 2 * 4 + 2 * 2 + 3 * 4 + 3 * 2 + 4 * 2


def test_a_proposal_holds_its_pair_and_differs_in_as_many_values_as_was_asked():
    trained = [dict.fromkeys(FACTORS, "1")]
    pair = frozenset({("b", "3"), ("d", "2")})
    for changes in (0, 2):
        found = propose(pair, trained, FACTORS, pairs(FACTORS), changes, Random(1))
        assert pair in covered(found)
        assert sum(found[name] != "1" for name in FACTORS) <= 2 + changes


def test_proposals_reach_every_pair():
    left, trained, random = pairs(FACTORS), [dict.fromkeys(FACTORS, "1")], Random(1)
    for _ in range(len(left)):
        if left:
            trained.append(propose(min(left, key=sorted), trained, FACTORS, left, 3, random))
            left -= covered(trained[-1])
    assert not left
    assert len(trained) < len(pairs(FACTORS)) / 2
