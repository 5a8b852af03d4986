"""Whether languages, or groups of them, differ by more than chance: permuted labels, and control over many parts."""

import math

import torch
from torch import Tensor

from mgcm_fairseq.core.sharing.similarity import Partition, as_drawn, deltas, of_groups, similarity

RATE = 0.05
"""The rate of false discoveries that is allowed among the parts that are found to differ."""

_ROUNDING = 1e-12  # a permutation that gives the languages' own batches back may come out lower by this


def permutations_needed(parts: int, rate: float = RATE) -> int:
    """So many that one part alone can be found among `parts`: at least 200, and 1 / (1 + P) below rate / parts.

    200 permutations, as one takes for a single test, have no p below 1/201: among 11 parts or more, one that
    differs can then never be found at a rate of 0.05, however strong it is.
    """
    return max(200, math.ceil(parts / rate))


def permuted(languages: int, batches: int, permutations: int, generator: torch.Generator) -> Tensor:
    """(P, B, L) counts as of `similarity`: every batch counts once, for a language that was drawn for it."""
    order_PB = torch.rand(permutations, batches, generator=generator).argsort(1)
    return as_drawn(languages, batches)[0][order_PB]


def p_value(cosines_BB: Tensor, groups: Partition, permuted_PBL: Tensor) -> float:
    """(1 + #) / (1 + P), where # permutations make the groups' mean delta as large as it is.

    Holds where batches of one language are independent, and of different languages as well: not for batches that hold
    the same sentences in every language.

    Args:
        groups: of languages, at least two; singletons to judge languages.
        permuted_PBL: of `permuted`.
    """
    batches, languages = permuted_PBL.shape[1:]
    observed = deltas(of_groups(similarity(cosines_BB, as_drawn(languages, batches)), groups)).mean()
    null_P = deltas(of_groups(similarity(cosines_BB, permuted_PBL), groups)).mean(-1)
    return (1 + int((null_P >= observed - _ROUNDING).sum())) / (1 + len(null_P))


def adjusted(p_N: Tensor) -> Tensor:
    """(N,) q: the smallest rate of false discoveries at which a part is found (Benjamini & Hochberg 1995).

    nan stands for a part that was not tested, and is not counted.
    """
    tested = p_N.isfinite()
    order = p_N[tested].argsort()
    ranks = torch.arange(1, len(order) + 1, dtype=p_N.dtype)
    at_rank = p_N[tested][order] * len(order) / ranks
    lowest = at_rank.flip(0).cummin(0).values.flip(0) if len(order) else at_rank
    q_N = torch.full_like(p_N, torch.nan)
    q_N[tested] = torch.empty_like(lowest).scatter(0, order, lowest)
    return q_N
