"""Which hidden units of an FFN go private: an FFN is a sum over them, and so is what groups disagree about in it.

H hidden units; unit j has row j of the first matrix, its bias, and column j of the second. With gradients divided by
the norm of the whole FFN's, S of the FFN is the sum of its units' S, and so is delta.
"""

import math

import torch
from torch import Tensor

from mgcm_fairseq.core.sharing.similarity import Partition, deltas, of_groups

EIGHTHS = 8
"""A share ratio is a multiple of 1/8."""


def unit_similarities(dots_HLL: Tensor, own_HL: Tensor, each: int) -> Tensor:
    """S (H, L, L) of every hidden unit, without pairs of a batch and itself; their sum is S of the FFN.

    A capture needs L vectors of the FFN's size for it, not B: v_a = sum_k g_ak / |g_ak|, where |g_ak| is the norm over
    the whole FFN, known from its Gramian.

    Args:
        dots_HLL: <v_a, v_b> over the parameters of each unit.
        own_HL: sum over k of the squares of g_ak / |g_ak|, over the parameters of each unit.
        each: K, batches of a language.
    """
    size = dots_HLL.size(-1)
    pairs_LL = torch.full((size, size), float(each * each), dtype=dots_HLL.dtype)
    pairs_LL.fill_diagonal_(each * (each - 1))
    return (dots_HLL - torch.diag_embed(own_HL)) / pairs_LL


def share_ratio(score: float) -> float:
    """The part of the hidden units that stays shared: 1 - score in eighths, at least one shared and one private.

    Raises ValueError for nan: a part without consistent signal is not one to split.
    """
    if math.isnan(score):
        raise ValueError("score of a part: expected a number, found nan. Share a part that has no consistent signal.")
    return min(EIGHTHS - 1, max(1, round(EIGHTHS * (1 - score)))) / EIGHTHS


def private_count(hidden: int, ratio: float) -> int:
    """How many of so many hidden units go private where this share of them stays shared: rounded down."""
    return hidden - math.ceil(hidden * ratio)


def private_units(similarity_HLL: Tensor, groups: Partition, count: int) -> tuple[int, ...]:
    """The hidden units with the largest mean delta of the groups, so many, in order.

    Args:
        similarity_HLL: of `unit_similarities`.
        groups: of languages; what languages of one group disagree about makes no unit private.
        count: of `private_count`.
    """
    delta_H = deltas(of_groups(similarity_HLL, groups)).mean(-1)
    return tuple(sorted(delta_H.argsort(descending=True, stable=True)[:count].tolist()))
