"""Boundaries: a frame that ends a segment, as a logit, a probability and a decision. B batch, T frame.

e_t is the logit of p_t = P(a segment ends after frame t): the boundary frame belongs to the segment that it ends.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from mgcm_fairseq.core.segmentation.padding import at_least_fp32, silenced


class Decisions(NamedTuple):
    """Hard boundaries of some frames, and what the frames that follow need to know."""

    boundaries: Tensor  # (B, T) bool
    last: Tensor  # (B,) bool, p > 0.5 at the last frame so far


def noisy_logits(logits_BT: Tensor, std: float) -> Tensor:
    """e + noise for training, noise ~ N(0, std^2), in fp32 or better (3 is the published std).

    Only probabilities near 0 or 1 survive the noise: that is what makes a trained segmenter decided.
    """
    wide_BT = at_least_fp32(logits_BT)
    if std == 0:
        return wide_BT
    return wide_BT + std * torch.randn(wide_BT.shape, dtype=wide_BT.dtype, device=wide_BT.device)


def probabilities(logits_BT: Tensor, lengths_B: Tensor) -> Tensor:
    """(B, T) p = sigmoid(e) in fp32 or better, 0 at padding (the published code left it there)."""
    return silenced(logits_BT, lengths_B).sigmoid()


def decide_frames(logits_BT: Tensor, lengths_B: Tensor, before_B: Tensor | None = None) -> Decisions:
    """Every frame with p > 0.5 is a boundary, never padding; the same function for whole utterances and for parts.

    DiSeg's code trains so; at test it counts streaks.

    Args:
        logits_BT: boundary logits of the frames that are new.
        lengths_B: how many of them are not padding; may be 0.
        before_B: `last` of the frames before, for utterances that arrive in parts; None at their beginning.
    """
    since_BT, last_B = _high(logits_BT, lengths_B, before_B)
    return Decisions(since_BT[:, 1:], last_B)


def decide_streaks(logits_BT: Tensor, lengths_B: Tensor, before_B: Tensor | None = None) -> Decisions:
    """A streak of frames with p > 0.5 is one boundary, its FIRST frame; the rest of the streak opens the next segment.

    Of a streak's frames this is the only one that can be named when it arrives: the last one is known a frame later, so
    that a decision on a prefix would flip. Takes what `decide_frames` takes.
    """
    since_BT, last_B = _high(logits_BT, lengths_B, before_B)
    return Decisions(since_BT[:, 1:] & ~since_BT[:, :-1], last_B)


def _high(logits_BT: Tensor, lengths_B: Tensor, before_B: Tensor | None) -> tuple[Tensor, Tensor]:
    """(B, 1 + T) whether p > 0.5, of the frame before and of these, and (B,) of the last that is not padding."""
    high_BT = silenced(logits_BT, lengths_B) > 0  # e > 0 is p > 0.5 without rounding
    if before_B is None:
        before_B = torch.zeros_like(lengths_B, dtype=torch.bool)
    since_BT = torch.cat([before_B.unsqueeze(1), high_BT], dim=1)
    last_B = since_BT.gather(1, lengths_B.unsqueeze(1)).squeeze(1)
    return since_BT, last_B
