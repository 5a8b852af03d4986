"""Partition of languages from their distances: average linkage, and as many groups as silhouettes speak for."""

from typing import NamedTuple

from torch import Tensor

from mgcm_fairseq.core.sharing.similarity import Partition, canonical

ALIKE = 0.15
"""Languages whose largest distance is below this are one group."""

STRUCTURE = 0.25
"""A mean silhouette up to here means no structure (Kaufman & Rousseeuw 1990): each language is then a group."""


class Grouping(NamedTuple):
    """A partition of the languages and its mean silhouette: 0 for one group or singletons, nan where unknown."""

    groups: Partition
    silhouette: float


def distances(cosines_LL: Tensor) -> Tensor:
    """(..., L, L) d = 1 - C, at least 0: sampling may carry C over 1."""
    return (1 - cosines_LL).clamp(min=0)


def grouped(distance_LL: Tensor) -> Grouping:
    """The partition that the distances speak for.

    One group if all are below `ALIKE`, else the cut of the tree of average linkage into 2 to L groups that has the
    largest mean silhouette, or singletons if none is above `STRUCTURE`. Where a distance is nan, nothing speaks for
    any split, and all languages stay one group.
    """
    distance = distance_LL.tolist()
    languages = range(len(distance))
    pairs = [distance[a][b] for a in languages for b in languages[:a]]
    if any(d != d for d in pairs):
        return Grouping((tuple(languages),), float("nan"))
    if max(pairs, default=0.0) < ALIKE:
        return Grouping((tuple(languages),), 0.0)
    best = max((Grouping(groups, silhouette(distance, groups)) for groups in linkage(distance)[:-1]),
               key=lambda cut: cut.silhouette)
    if best.silhouette <= STRUCTURE:
        return Grouping(tuple((language,) for language in languages), 0.0)
    return best


def linkage(distance: list[list[float]]) -> list[Partition]:
    """The tree of average linkage (Sokal & Michener 1958), cut into L, L - 1, ... 1 groups."""
    groups = [[language] for language in range(len(distance))]
    cuts = [canonical(groups)]
    while len(groups) > 1:
        _, left, right = min((_mean(distance, groups[left], groups[right]), left, right)
                             for right in range(len(groups)) for left in range(right))
        groups[left] += groups.pop(right)
        cuts.append(canonical(groups))
    return cuts


def silhouette(distance: list[list[float]], groups: Partition) -> float:
    """Mean over languages of (b - a) / max(a, b) (Rousseeuw 1987); 0 for a language that is alone.

    a is its mean distance to the others of its group, b to the nearest other group; there are at least two groups.
    """
    total = 0.0
    for own in groups:
        for language in own:
            others = [other for other in own if other != language]
            nearest = min(_mean(distance, [language], group) for group in groups if group is not own)
            within = _mean(distance, [language], others) if others else nearest
            total += (nearest - within) / max(nearest, within) if max(nearest, within) > 0 else 0.0
    return total / len(distance)


def _mean(distance: list[list[float]], left: list[int] | tuple[int, ...], right: list[int] | tuple[int, ...]) -> float:
    return sum(distance[a][b] for a in left for b in right) / (len(left) * len(right))
