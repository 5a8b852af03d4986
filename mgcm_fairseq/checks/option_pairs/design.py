"""Which combination of values to try next, so that every pair of values is tried in few trainings."""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, product
from random import Random

Pair = frozenset[tuple[str, str]]  # two of (factor, value)
Factors = Mapping[str, Collection[str]]  # factor -> its values
EXTRA = (0, 3, 9)  # further values that are changed at once
SAMPLE = 40  # combinations that are compared before one is tried


def pairs(factors: Factors) -> set[Pair]:
    """All pairs of values of two factors."""
    return {frozenset({(one, value), (other, against)}) for one, other in combinations(factors, 2)
            for value, against in product(factors[one], factors[other])}


def covered(combination: Mapping[str, str]) -> set[Pair]:
    """The pairs in it."""
    return {frozenset(pair) for pair in combinations(combination.items(), 2)}


def propose(pair: Pair, trained: Sequence[Mapping[str, str]], factors: Factors, open_pairs: set[Pair],
            changes: int, random: Random) -> dict[str, str]:
    """A combination with the pair: of some that differ from a trained one, that with most open pairs.

    Args:
        trained: combinations to start from.
        changes: values that are changed beside the pair.
    """
    def draw() -> dict[str, str]:
        found = {**random.choice(trained)}
        for name in random.sample(sorted(factors), min(changes, len(factors))):
            found[name] = random.choice(sorted(factors[name]))
        return {**found, **dict(pair)}

    return max((draw() for _ in range(SAMPLE)), key=lambda one: len(covered(one) & open_pairs))
