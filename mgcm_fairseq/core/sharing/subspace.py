"""Which directions gradients of all languages share, and what of a language's signal lies outside: a report.

From Gramians alone: a direction is a sum of the batches' unit gradients, so that none of them has to be kept.
"""

import torch
from torch import Tensor

from mgcm_fairseq.core.sharing.similarity import as_drawn, similarity

_NEGLIGIBLE = 1e-10  # eigenvalues below this part of the largest are rounding


def joint_directions(cosines_BB: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The singular value decomposition of all batches' unit gradients x_b together, from their Gram matrix.

    Returns:
        singular values (R,), the largest first, at most `rank` and none that is rounding; and weights (B, R): direction
        r is sum_b weights_br x_b, of length 1.
    """
    square_B, vectors_BB = torch.linalg.eigh(cosines_BB)
    square_R, vectors_BR = square_B.flip(0)[:rank], vectors_BB.flip(1)[:, :rank]
    kept = square_R > _NEGLIGIBLE * square_R[0]
    value_R = square_R[kept].sqrt()
    return value_R, vectors_BR[:, kept] / value_R


def outside(even_BB: Tensor, odd_BB: Tensor, cross_BB: Tensor, languages: int, rank: int) -> Tensor:
    """(L,) the share of each language's consistent signal outside the span Q of the even batches' first directions.

    (u^T (I - Q Q^T) u) / u^T u with u the language's mean unit gradient on odd batches, both without pairs of a batch
    and itself, so that noise, which lies outside nearly whole, counts for nothing. nan where u^T u is not above 0.

    Args:
        even_BB: cosines of even batches.
        odd_BB: of odd ones.
        cross_BB: of even batches (rows) with odd ones.
        rank: directions of Q. What divides capacity is what does not fit in few: with L of them every language does.
    """
    _, weights_BR = joint_directions(even_BB, rank)
    inside_RB = weights_BR.T @ cross_BB
    counts_PBL = as_drawn(languages, len(odd_BB))
    total_L = similarity(odd_BB, counts_PBL)[0].diagonal()
    inside_L = similarity(inside_RB.T @ inside_RB, counts_PBL)[0].diagonal()
    return (total_L - inside_L) / torch.where(total_L > 0, total_L, torch.nan)
