"""Losses of the segmenter: how many segments (L_num), and what they mean (L_ctr). B batch, T frame, K word."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mgcm_fairseq.core.segmentation.padding import LOG_ZERO, at_least_fp32, valid_frames

_TEMPERATURE = 0.1  # of L_ctr's softmax over cosines (DiSeg)
_LEAST_NORM = 1e-3  # of a vector whose direction is taken: the gradient, 1 / norm / temperature, stays below 65,504


def segment_number_losses(probabilities_BT: Tensor, lengths_B: Tensor, words_B: Tensor) -> Tensor:
    """(B,) L_num of each sentence: |sum_t p_t - n| + |sum MaxPool(p, floor(length / n)) - n|, n its number of words.

    The first term counts boundaries. The second asks for one peak in every stretch as long as a mean word, against many
    small p and against bursts; an incomplete last stretch is left out (the paper's form). Repaired:
    a sentence has its own length and weight, whatever is in the batch with it.

    Args:
        probabilities_BT: p of e, or of `start_logits` where streaks count once.
        lengths_B: frames that are not padding.
        words_B: words in the transcript.
    """
    total_B, peaks_B = _expected_counts(probabilities_BT, lengths_B, words_B.clamp(min=1))
    return (total_B - words_B).abs() + (peaks_B - words_B).abs()


def segment_number_norms(probabilities_BT: Tensor, lengths_B: Tensor, words_B: Tensor) -> Tensor:
    """() L_num as published, norms over the batch, with n = max(words - 1, 1):

    |(sum_t p_t - n)_b|_2 + sqrt(sum_b (peaks_b - n_b)^2 length_b / n_b + 1e-6).
    Its faults at padding come back with `lengths_B` filled with T and the p of padding left in.
    """
    n_B = (words_B - 1).clamp(min=1)
    total_B, peaks_B = _expected_counts(probabilities_BT, lengths_B, n_B)
    weighted_B = (peaks_B - n_B).square() * lengths_B.to(peaks_B) / n_B
    distance: Tensor = torch.linalg.vector_norm(total_B - n_B)
    return distance + (weighted_B.sum() + 1e-6).sqrt()


def contrastive_losses(segments_BKD: Tensor, words_BKD: Tensor, words_B: Tensor) -> Tensor:
    """(B,) L_ctr of each sentence, summed over its words: -log softmax_{k'}(cos(f_k, g_k') / 0.1)[k].

    From speech to text, against the other words of the sentence, in fp32 or better.

    Args:
        segments_BKD: f, `pool_segments`.
        words_BKD: g, `pool_words`.
        words_B: how many of the K are words of the sentence; the rest is padding.
    """
    f_BKD, g_BKD = (F.normalize(at_least_fp32(x), dim=2, eps=_LEAST_NORM) for x in (segments_BKD, words_BKD))
    with torch.autocast(f_BKD.device.type, enabled=False):
        scores_BKK = f_BKD @ g_BKD.transpose(1, 2) / _TEMPERATURE
    valid_BK = valid_frames(words_B, segments_BKD.size(1))
    log_shares_BKK = scores_BKK.masked_fill(~valid_BK.unsqueeze(1), LOG_ZERO).log_softmax(2)
    return -log_shares_BKK.diagonal(dim1=1, dim2=2).masked_fill(~valid_BK, 0.0).sum(1)


def _expected_counts(probabilities_BT: Tensor, lengths_B: Tensor, words_B: Tensor) -> tuple[Tensor, Tensor]:
    """(B,) sum of p; (B,) sum of the largest p of every complete stretch of max(floor(length / words), 1) frames."""
    p_BT = at_least_fp32(probabilities_BT)
    frames = p_BT.size(1)
    p_BT = p_BT.masked_fill(~valid_frames(lengths_B, frames), 0.0)
    width_B1 = (lengths_B // words_B).clamp(min=1).unsqueeze(1)
    stretch_BT = torch.arange(frames, device=p_BT.device) // width_B1
    complete_BT = stretch_BT < lengths_B.unsqueeze(1) // width_B1
    peaks_BT = torch.zeros_like(p_BT).scatter_reduce(1, stretch_BT, p_BT.masked_fill(~complete_BT, 0.0), "amax")
    return p_BT.sum(1), peaks_BT.sum(1)
