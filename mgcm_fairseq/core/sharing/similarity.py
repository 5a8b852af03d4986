"""How far languages ask the same of a part of the network: their batches' unit gradients, compared in pairs.

L languages, K batches of each, B = L K batches in all, those of the first language first; N parts of the network, each
a group of parameters (a module, an FFN); P resamplings of the batches.

What a capture brings is, for each part, the Gramian (B, B) of **all** batches' gradients in float64, not sums over
rounds of 2 L batches: permuting the languages' labels, resampling batches and fitting on one half and testing on
the other need every pair of batches. The gradients stand on the disk until then, so that one backward pass for each
batch is enough, and the order of the sum is fixed. A CountSketch of 4,096 numbers a parameter in their place adds an
error of 0.02 or so to a cosine C of two languages (measured at S_aa = 1/17 and K = 32). It is the same in all batches
and does not average out, so it is for models whose gradients would not fit. K is at least `FEWEST` in what is compared,
so twice that for `cross_fit`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

Partition = tuple[tuple[int, ...], ...]
"""A partition of the languages 0 ... L - 1: members in order, groups in the order of their first members."""

FEWEST = 4
"""Batches of a language, from which on the error of its agreement with itself can be told."""

ERRORS = 2.0
"""So many errors must S_aa be above 0. At one, every sixth language without any signal would count as known."""


def cosines(gramian_NBB: Tensor) -> Tensor:
    """(N, B, B) inner products of unit gradients, in float64; a gradient of zeros has 0 with all, itself too.

    Raises ValueError where a number is not finite: the batch has to be left out before, in every part.
    """
    if not gramian_NBB.isfinite().all():
        raise ValueError("Gramian of batches: expected finite numbers, found nan or infinity. Leave out the batches "
                         "whose gradients are not finite.")
    gramian_NBB = gramian_NBB.double()
    norm_NB = gramian_NBB.diagonal(dim1=1, dim2=2).sqrt()
    inverse_NB = norm_NB.reciprocal().masked_fill(norm_NB == 0, 0)
    return gramian_NBB * inverse_NB[:, :, None] * inverse_NB[:, None, :]


def as_drawn(languages: int, batches: int) -> Tensor:
    """(1, B, L) how often each of B batches counts for each language: once for its own.

    Raises ValueError if the languages do not have equally many batches, at least `FEWEST`.
    """
    if languages < 2 or batches % languages or batches // languages < FEWEST:
        raise ValueError(f"batches of languages: expected at least 2 languages and {FEWEST} batches of each, equally "
                         f"many, found {languages} languages and {batches} batches. Capture more batches.")
    return torch.eye(languages, dtype=torch.float64).repeat_interleave(batches // languages, 0)[None]


def similarity(cosines_BB: Tensor, counts_PBL: Tensor) -> Tensor:
    """S (P, L, L) of one part: S_ab = mean of u_ak . u_bk' over pairs of batches, without those of a batch and itself.

    Without them S_aa = |mean u_a|^2 in expectation; with them it is larger by (1 - S_aa) / K.

    Args:
        counts_PBL: how often each batch counts for each language, for each resampling; see `as_drawn`.
    """
    batches, languages = counts_PBL.shape[1:]
    toward_BPL = (cosines_BB @ counts_PBL.transpose(0, 1).reshape(batches, -1)).view(batches, -1, languages)
    sum_PLL = counts_PBL.transpose(1, 2) @ toward_BPL.transpose(0, 1)
    of_itself_PL = torch.einsum("b,pbl->pl", cosines_BB.diagonal(), counts_PBL.square())
    total_PL = counts_PBL.sum(1)
    pairs_PLL = total_PL[:, :, None] * total_PL[:, None, :] - torch.diag_embed(counts_PBL.square().sum(1))
    return (sum_PLL - torch.diag_embed(of_itself_PL)) / pairs_PLL


def similarities(cosines_NBB: Tensor, languages: int) -> Tensor:
    """S (N, L, L) of the batches as they were drawn."""
    counts_PBL = as_drawn(languages, cosines_NBB.size(1))
    return torch.cat([similarity(cosines_BB, counts_PBL) for cosines_BB in cosines_NBB])


def known(cosines_NBB: Tensor, languages: int) -> Tensor:
    """(N, L) True where S_aa is more than `ERRORS` of its errors above 0: the language asks something of the part.

    The error is that of a language without signal, whose pairs are uncorrelated:
    sqrt(2 mean (u_k . u_k')^2 / (K (K - 1))).
    """
    each = cosines_NBB.size(1) // languages
    square_NL = similarities(cosines_NBB.square(), languages).diagonal(dim1=1, dim2=2)
    own_NL = similarities(cosines_NBB, languages).diagonal(dim1=1, dim2=2)
    return own_NL > ERRORS * (2 * square_NL / (each * (each - 1))).sqrt()


def true_cosines(similarity_LL: Tensor) -> Tensor:
    """C (..., L, L): C_ab = S_ab / sqrt(S_aa S_bb), the cosine of the languages' mean unit gradients.

    Noise in the batches lowers S_ab and S_aa alike and C not at all. nan where S_aa is not above 0. Sampling may carry
    C over 1.
    """
    own_L = similarity_LL.diagonal(dim1=-2, dim2=-1)
    root_L = torch.where(own_L > 0, own_L, torch.nan).sqrt()
    return similarity_LL / (root_L[..., :, None] * root_L[..., None, :])


def deltas(similarity_LL: Tensor) -> Tensor:
    """(..., L) S_aa - mean of S_ab over the other languages b: what a language asks for that the others do not."""
    return similarity_LL.diagonal(dim1=-2, dim2=-1) - _mean_with_others(similarity_LL)


def purities(similarity_LL: Tensor) -> Tensor:
    """(..., L) S_aa / (S_aa + mean of S_ab): the published measure. It is for reports: noise moves it toward 1/2."""
    own_L = similarity_LL.diagonal(dim1=-2, dim2=-1)
    return own_L / (own_L + _mean_with_others(similarity_LL))


def scores(similarity_LL: Tensor) -> Tensor:
    """(...) mean delta / mean S_aa: the share of the consistent signal that is not common; nan without signal."""
    own = similarity_LL.diagonal(dim1=-2, dim2=-1).mean(-1)
    return deltas(similarity_LL).mean(-1) / torch.where(own > 0, own, torch.nan)


def of_groups(similarity_LL: Tensor, groups: Partition) -> Tensor:
    """S (..., G, G) of groups of languages, as if each were a language: means over pairs, S_aa among them.

    So every statistic of languages is one of groups, too.
    """
    share_LG = similarity_LL.new_zeros(similarity_LL.size(-1), len(groups))
    for number, group in enumerate(groups):
        share_LG[list(group), number] = 1 / len(group)
    return share_LG.T @ similarity_LL @ share_LG


def canonical(groups: Sequence[Sequence[int]]) -> Partition:
    """The partition with members and groups in order."""
    return tuple(sorted(tuple(sorted(group)) for group in groups))


def _mean_with_others(similarity_LL: Tensor) -> Tensor:
    own_L = similarity_LL.diagonal(dim1=-2, dim2=-1)
    return (similarity_LL.sum(-1) - own_L) / (similarity_LL.size(-1) - 1)
