"""Whether gradients of two languages move together from batch to batch: ridge CCA of paired batches, a report.

Batch k holds the same sentences in both languages. Without pairs there is nothing that CCA could find, and with no more
batches than directions every correlation is 1 whatever the batches hold.
"""

import torch
from torch import Tensor

RIDGE = 0.01
"""Added to both covariances, as a part of their mean eigenvalue."""


def correlations(left_KK: Tensor, right_KK: Tensor, rank: int) -> Tensor:
    """(R,) ridge canonical correlations between two languages' unit gradients (Vinod 1976), the largest first.

    Args:
        left_KK: cosines of one language's K batches.
        right_KK: of the other's, batch by batch on the same sentences.
        rank: R, how many of each language's own principal directions take part; at most K / 4, else ValueError.
    """
    found_R: Tensor = torch.linalg.svdvals(_whitened(left_KK, rank).T @ _whitened(right_KK, rank))
    return found_R


def p_of_pairs(left_KK: Tensor, right_KK: Tensor, rank: int, permutations: int, generator: torch.Generator) -> float:
    """(1 + #) / (1 + P), where # permutations of the pairs make the mean correlation as large as it is."""
    left_KR, right_KR = _whitened(left_KK, rank), _whitened(right_KK, rank)
    order_PK = torch.rand(permutations, len(left_KR), generator=generator).argsort(1)
    null_P = torch.linalg.svdvals(left_KR[order_PK].transpose(1, 2) @ right_KR).mean(-1)
    observed = torch.linalg.svdvals(left_KR.T @ right_KR).mean()
    return (1 + int((null_P >= observed).sum())) / (1 + permutations)


def _whitened(cosines_KK: Tensor, rank: int) -> Tensor:
    """(K, R) coordinates of the centred batches on their principal directions, divided by their ridged deviations."""
    batches = len(cosines_KK)
    if not 1 <= rank <= batches // 4:
        raise ValueError(f"directions of a CCA: expected 1 to a quarter of the {batches} batches, found {rank}. "
                         "Capture more batches or ask for fewer directions.")
    centred_KK = cosines_KK - cosines_KK.mean(0) - cosines_KK.mean(1, keepdim=True) + cosines_KK.mean()
    square_K, vectors_KK = torch.linalg.eigh(centred_KK)
    square_R, vectors_KR = square_K.flip(0)[:rank].clamp(min=0), vectors_KK.flip(1)[:, :rank]
    ridged_R = square_R + RIDGE * square_R.mean()
    whitened_KR: Tensor = vectors_KR * torch.where(ridged_R > 0, square_R / ridged_R, 0).sqrt()
    return whitened_KR
