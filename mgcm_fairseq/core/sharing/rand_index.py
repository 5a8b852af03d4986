"""How far two partitions of the same languages agree."""

from collections.abc import Hashable, Iterable
from itertools import combinations


def adjusted_rand(found: Iterable[Iterable[Hashable]], truth: Iterable[Iterable[Hashable]]) -> float:
    """The adjusted Rand index (Hubert & Arabie 1985): 1 for the same partition, 0 on average for a random one.

    By pairs: a of them are together in both, b in `found` and c in `truth` alone. (a - E) / ((2 a + b + c) / 2 - E),
    where E is the a to be expected of random partitions with groups of these sizes. 1, too, where no pair is together
    in either, or all are in both.

    Raises:
        ValueError: they are not partitions of the same things.
    """
    number_of = [{one: number for number, group in enumerate(groups) for one in group} for groups in (found, truth)]
    members = sorted(map(str, number_of[0])), sorted(map(str, number_of[1]))
    if members[0] != members[1]:
        raise ValueError(f"partitions: expected two of the same languages, found {members[0]} and {members[1]}.")
    pairs = [tuple(number[one] == number[other] for number in number_of)
             for one, other in combinations(number_of[0], 2)]
    in_found, in_truth, in_both = (sum(map(of, pairs)) for of in (lambda pair: pair[0], lambda pair: pair[1], all))
    expected = in_found * in_truth / len(pairs) if pairs else 0.0
    largest = (in_found + in_truth) / 2
    return 1.0 if largest == expected else (in_both - expected) / (largest - expected)
