"""The analysis as the published code computes it (arXiv 2603.25836), from the same Gramians, so as to compare.

What it does otherwise: S_aa has pairs of a batch and itself in it; languages are always two groups, by k-means of their
mean unit gradients; the share ratio follows steps of delta; a group's private part is scaled by its share of an energy
that the number of its languages decides. Left out are a random projection to 128 numbers and fp16, which add noise.
"""

from itertools import combinations

from torch import Tensor

from mgcm_fairseq.core.sharing.similarity import Partition, as_drawn, canonical, deltas, of_groups
from mgcm_fairseq.core.sharing.subspace import joint_directions

STEPS = ((0.05, 0.75), (0.15, 0.5))
"""Below each delta the share ratio beside it, the first that fits; else `ELSE`."""

ELSE = 0.25

RANK = 30
"""Directions of the truncated singular value decomposition."""


def similarity_with_self(cosines_BB: Tensor, languages: int) -> Tensor:
    """(L, L) means over all pairs of batches: inner products of the languages' mean unit gradients."""
    share_BL = as_drawn(languages, len(cosines_BB))[0] * languages / len(cosines_BB)
    return share_BL.T @ cosines_BB @ share_BL


def two_groups(means_LL: Tensor) -> Partition:
    """The best partition into two by k-means: of all of them, the one with the least squares about the groups' means.

    Args:
        means_LL: of `similarity_with_self`.
    """
    languages = range(len(means_LL))
    splits = [canonical([first, [other for other in languages if other not in first]])
              for size in range(1, len(languages) // 2 + 1) for first in combinations(languages, size)]
    # sum of squares = trace - sum over groups of |group| |its mean|^2, and the trace is the same for all splits
    return max(splits, key=lambda split: sum(len(group) * float(own) for group, own in zip(
        split, of_groups(means_LL, split).diagonal(), strict=True)))


def stepped_ratio(means_LL: Tensor) -> float:
    """The share ratio: 0.75, 0.5 or 0.25 by the mean delta, in which every S_aa is too large by (1 - S_aa) / K."""
    delta = float(deltas(means_LL).mean())
    return next((ratio for below, ratio in STEPS if delta < below), ELSE)


def energies(cosines_BB: Tensor, languages: int, groups: Partition) -> tuple[float, ...]:
    """p_g of each group: its part of sum_a E_a, E_a = mean over batches of |Q^T u_ak|^2, Q the first directions."""
    _, weights_BR = joint_directions(cosines_BB, RANK)
    inside_B = (weights_BR.T @ cosines_BB).square().sum(0)
    energy_L = inside_B.view(languages, -1).mean(1)
    return tuple(float(energy_L[list(group)].sum() / energy_L.sum()) for group in groups)
