"""Wait-k cross-attention with expected segments, through which the translation loss reaches the segmenter."""

import torch
from torch import Tensor

from mgcm_fairseq.core.segmentation.padding import LOG_ZERO, readable_keys
from mgcm_fairseq.core.segmentation.segments import log_segment_map
from mgcm_fairseq.core.segmentation.waiting import units_seen


def expected_waiting(logits_BT: Tensor, lengths_B: Tensor, written_BU: Tensor, lag: int,
                     dtype: torch.dtype) -> Tensor:
    """(B, 1, U, T) log P(target position u sees frame t), to be added to attention scores, in `dtype`.

    Frame t is seen if fewer than n = lag + written boundaries lie before it: log sum_{k<n} E_k,t, exactly, from the
    first min(lag + U, T) rows of the segment map. At hard logits it is `visible_units` of the segment ids. DiSeg has no
    such mask: its mask is hard and the segmenter learns nothing from it. Attention gives no weight, and so no gradient,
    to a frame that is hidden with certainty: use it with noise on the logits.

    Args:
        logits_BT: e, or `start_logits` of it, with the noise of training if there is any.
        lengths_B: frames that are not padding; LOG_ZERO stands at padded keys.
        written_BU: target units written before each position, at most U (see core.segmentation.waiting).
        lag: k, from 1; ValueError below.
        dtype: type of the answer, that of the queries.
    """
    seen_BU = units_seen(written_BU, lag)
    frames = logits_BT.size(1)
    rows = min(lag + written_BU.size(1), frames)
    seen_BKT = torch.logcumsumexp(log_segment_map(logits_BT, lengths_B, rows), dim=1)
    row_BU1 = seen_BU.clamp(max=rows).unsqueeze(2) - 1
    bias_BUT = seen_BKT.gather(1, row_BU1.expand(-1, -1, frames)).clamp(min=LOG_ZERO)
    keys_B1T = readable_keys(lengths_B, frames).unsqueeze(1)
    return bias_BUT.masked_fill(~keys_B1T, LOG_ZERO).to(dtype).unsqueeze(1)
