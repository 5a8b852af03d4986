"""Streaks of frames in which CTC hears the same, of which each becomes one state. B batch, T frame, N streak.

A streak of blanks is a streak like others, as in IMTL (arXiv 2311.03810), unless blanks are to join the piece before.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def streak_ids(labels_BT: Tensor, lengths_B: Tensor, joining: int | None = None) -> Tensor:
    """(B, T) int64: the streak of each frame, from 0; padding belongs to the last streak.

    Args:
        labels_BT: what is heard in each frame.
        lengths_B: frames that are not padding.
        joining: the label, such as CTC's blank, whose frames belong to the streak before them; None for none.
    """
    inside_BT = torch.arange(1, labels_BT.size(1), device=labels_BT.device) < lengths_B.unsqueeze(1)
    changes_BT = (labels_BT[:, 1:] != labels_BT[:, :-1]) & inside_BT
    if joining is not None:
        changes_BT &= labels_BT[:, 1:] != joining
    return F.pad(changes_BT.long().cumsum(1), (1, 0))


def streak_counts(ids_BT: Tensor) -> Tensor:
    """(B,) streaks of each utterance, at least 1."""
    return ids_BT[:, -1] + 1


def streak_starts(ids_BT: Tensor, most: int) -> Tensor:
    """(B, N) int64: the first frame of each streak; behind the last streak, the last frame.

    Args:
        ids_BT: of `streak_ids`.
        most: N, the most streaks of an utterance or more.
    """
    return torch.searchsorted(ids_BT, _numbers(ids_BT, most)).clamp(max=ids_BT.size(1) - 1)


def streak_ends(ids_BT: Tensor, lengths_B: Tensor, most: int) -> Tensor:
    """(B, N) int64: the frame behind each streak; behind the last streak, the end of the utterance."""
    return torch.searchsorted(ids_BT, _numbers(ids_BT, most), right=True).minimum(lengths_B.unsqueeze(1))


def at_last_frames(weights_UN: Tensor, ends_N: Tensor) -> Tensor:
    """(U, T): weights of the states of one utterance's streaks, each given to the last frame of its streak."""
    spread_UT = weights_UN.new_zeros(weights_UN.size(0), int(ends_N[-1]))
    return spread_UT.index_copy(1, ends_N - 1, weights_UN)


def _numbers(ids_BT: Tensor, most: int) -> Tensor:
    return torch.arange(most, device=ids_BT.device).expand(ids_BT.size(0), -1).contiguous()
