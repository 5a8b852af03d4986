"""Segments: which one every frame belongs to, by decision and in expectation. B batch, T frame, K segment."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mgcm_fairseq.core.segmentation.padding import LOG_ZERO, silenced, valid_frames


def segment_ids(boundaries_BT: Tensor) -> Tensor:
    """(B, T) int64: boundaries before each frame, so a boundary frame has the id of the segment that it ends."""
    ended_BT = boundaries_BT.long()
    return ended_BT.cumsum(1) - ended_BT


def segment_starts(boundaries_BT: Tensor) -> Tensor:
    """(B, T) int64: the first frame of the segment that each frame lies in."""
    frame_T = torch.arange(boundaries_BT.size(1), device=boundaries_BT.device)
    begins_BT = F.pad(boundaries_BT[:, :-1], (1, 0))
    return torch.where(begins_BT, frame_T, 0).cummax(1).values


def survival_sums(logits_BT: Tensor, lengths_B: Tensor) -> Tensor:
    """(B, T) S_t = sum_{l<t} softplus(e_l) = -log P(no boundary before frame t); padding adds 0.

    In fp64: in fp32 the difference of two sums near 2,000 is off by 3e-4, in half precision by 0.1 and more.

    Args:
        logits_BT: boundary logits, with the noise of training if there is any.
        lengths_B: frames that are not padding.
    """
    steps_BT = -F.logsigmoid(-silenced(logits_BT, lengths_B).double())  # softplus, which torch rounds above 20
    return F.pad(steps_BT[:, :-1].cumsum(1), (1, 0))


def log_segment_map(logits_BT: Tensor, lengths_B: Tensor, segments: int) -> Tensor:
    """(B, K, T) log P(frame t lies in segment k) of the first K segments; LOG_ZERO where k > t. Padding is not masked.

    log E_k,t = -S_t + logcumsumexp_{s<t}(log E_{k-1},s + log p_s + S_{s+1}) : a loop over
    segments, not over frames. Row k needs no frame before k, so it is one frame shorter than the row before it.
    """
    s_BT = survival_sums(logits_BT, lengths_B)
    log_p_BT = F.logsigmoid(silenced(logits_BT, lengths_B).double())
    frames = logits_BT.size(1)
    row = -s_BT
    rows = [row]
    for k in range(1, min(segments, frames)):
        row = torch.logcumsumexp(row[:, :-1] + log_p_BT[:, k - 1:-1] + s_BT[:, k:], dim=1) - s_BT[:, k:]
        rows.append(F.pad(row, (k, 0), value=LOG_ZERO))
    return F.pad(torch.stack(rows[:segments], dim=1), (0, 0, 0, segments - len(rows)), value=LOG_ZERO)


def expected_segment_map(logits_BT: Tensor, lengths_B: Tensor, segments_B: Tensor, most: int) -> Tensor:
    """(B, K, T) P(frame t lies in segment k), in fp64; 0 at padding.

    The last of an utterance's segments holds all frames after it too, so every frame's column sums to 1. Departs from
    the published code, which loses that mass and clamps at 1e-4 after every frame.

    Args:
        logits_BT: boundary logits.
        lengths_B: frames that are not padding.
        segments_B: the number of segments of each utterance, such as its words; below 1 counts as 1.
        most: K, the largest of them or more, at least 1; an int, so that nothing is read back from the device.
    """
    map_BKT = log_segment_map(logits_BT, lengths_B, most).exp()
    frames = logits_BT.size(1)
    last_B11 = segments_B.clamp(min=1)[:, None, None] - 1
    before_last_BT = map_BKT.gather(1, (last_B11 - 1).clamp(min=0).expand(-1, 1, frames)).squeeze(1)
    leaving_BT = before_last_BT * silenced(logits_BT, lengths_B).double().sigmoid()
    arrived_BT = F.pad(leaving_BT[:, :-1].cumsum(1), (1, 0))
    kept_B1T = torch.where(segments_B.unsqueeze(1) <= 1, 1.0, arrived_BT).unsqueeze(1)
    index_K1 = torch.arange(most, device=map_BKT.device).unsqueeze(1)
    whole_BKT = torch.where(index_K1 < last_B11, map_BKT, torch.where(index_K1 == last_B11, kept_B1T, 0.0))
    return whole_BKT * valid_frames(lengths_B, frames).unsqueeze(1)
