"""One vector for each segment of speech and for each word of text. B batch, T frame, U piece, K segment or word."""

import torch
from torch import Tensor

from mgcm_fairseq.core.segmentation.padding import at_least_fp32, valid_frames

_LEAST_MASS = 1e-6  # frames; a segment with less fades to 0, for the gradient of a mean of nothing has no bound


def pool_segments(map_BKT: Tensor, features_BTD: Tensor) -> Tensor:
    """(B, K, D) sum_t E_k,t h_t / sum_t E_k,t in fp32 or better; 0 for a segment of no frames.

    Args:
        map_BKT: P(frame t lies in segment k), 0 at padding: `expected_segment_map`.
        features_BTD: h, finite at padding too.
    """
    return _means(map_BKT, features_BTD)


def word_ids(starts_BU: Tensor) -> Tensor:
    """(B, U) int64 the word of each piece, from 0; -1 before the first word.

    Args:
        starts_BU: True where a piece begins a word.
    """
    return starts_BU.long().cumsum(1) - 1


def pool_words(embedded_BUD: Tensor, word_ids_BU: Tensor, lengths_B: Tensor, most: int) -> Tensor:
    """(B, K, D) the mean embedding of each word's pieces in fp32 or better; 0 for a word of none.

    Padding is left out, which the published code gave to the last word.

    Args:
        embedded_BUD: embeddings of pieces, finite at padding too.
        word_ids_BU: `word_ids`; pieces of no word (-1) are left out.
        lengths_B: pieces that are not padding.
        most: K, the largest number of words in the batch, or more.
    """
    words_K1 = torch.arange(most, device=word_ids_BU.device).unsqueeze(1)
    member_BKU = (word_ids_BU.unsqueeze(1) == words_K1) & valid_frames(lengths_B, word_ids_BU.size(1)).unsqueeze(1)
    return _means(member_BKU.float(), embedded_BUD)


def _means(weights_BKT: Tensor, values_BTD: Tensor) -> Tensor:
    values_BTD = at_least_fp32(values_BTD)
    with torch.autocast(values_BTD.device.type, enabled=False):
        weights_BKT = weights_BKT.to(values_BTD.dtype)
        mass_BK1 = weights_BKT.sum(2, keepdim=True).clamp(min=_LEAST_MASS)
        return weights_BKT / mass_BK1 @ values_BTD
