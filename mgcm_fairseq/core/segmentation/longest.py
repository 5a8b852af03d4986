"""The longest segment: where no boundary comes in time, one is forced. B batch, T frame."""

from typing import NamedTuple

import torch
from torch import Tensor

from mgcm_fairseq.core.segmentation.padding import LOG_ZERO, valid_frames


class Forced(NamedTuple):
    """Boundaries that a limit adds to those decided, and what the frames that follow need to know."""

    boundaries: Tensor  # (B, T) bool, none of them among the decided
    since: Tensor  # (B,) frames behind the last boundary of either sort


def forced_boundaries(boundaries_BT: Tensor, lengths_B: Tensor, longest: int, since_B: Tensor | None = None) -> Forced:
    """Ends a segment at its frame number `longest`; the same for whole utterances and for parts of them.

    Args:
        boundaries_BT: those decided; False at padding.
        lengths_B: frames that are not padding; may be 0.
        longest: frames, from 1 on.
        since_B: `since` of the frames before, for utterances that arrive in parts; None at their beginning.
    """
    frame_T = torch.arange(1, boundaries_BT.size(1) + 1, device=boundaries_BT.device)
    since_B1 = torch.zeros_like(lengths_B).unsqueeze(1) if since_B is None else since_B.unsqueeze(1)
    last_BT = torch.where(boundaries_BT, frame_T, -since_B1)  # 1 + the frame with the last boundary up to each frame
    last_BT = torch.cat([-since_B1, last_BT], 1).cummax(1).values
    since_BT = frame_T - last_BT[:, :-1]  # frames since then, this one counted
    forced_BT = (since_BT % longest == 0) & ~boundaries_BT & valid_frames(lengths_B, boundaries_BT.size(1))
    left_B = lengths_B - last_BT.gather(1, lengths_B.unsqueeze(1)).squeeze(1)
    return Forced(forced_BT, left_B % longest)


def with_forced(logits_BT: Tensor, forced_BT: Tensor) -> Tensor:
    """Logits under which a forced boundary is certain, without gradient there; the others stay as they are."""
    return logits_BT.masked_fill(forced_BT, -LOG_ZERO)
