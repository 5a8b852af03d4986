"""Right padding of boundary logits: where it is, and how it is kept from meaning anything."""

import torch
from torch import Tensor

LOG_ZERO = -1e4
"""log 0 in masks and logits: exp of it is 0 in every float type, and it fits into half precision, where -inf may make
nan."""


def valid_frames(lengths_B: Tensor, frames: int) -> Tensor:
    """(B,) frames in each row -> (B, T) bool, True where a frame is not padding."""
    return torch.arange(frames, device=lengths_B.device) < lengths_B.unsqueeze(1)


def readable_keys(lengths_B: Tensor, frames: int) -> Tensor:
    """(B, T) bool, True at keys that attention may read; the first always, so that no row of a mask is empty."""
    return valid_frames(lengths_B.clamp(min=1), frames)


def at_least_fp32(x: Tensor) -> Tensor:
    """Half precision widened to fp32; fp32 and fp64 as they are."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def silenced(logits_BT: Tensor, lengths_B: Tensor) -> Tensor:
    """The logits in fp32 or better with LOG_ZERO at padding: probability 0, gradient 0 whatever stood there."""
    valid_BT = valid_frames(lengths_B, logits_BT.size(1))
    return at_least_fp32(logits_BT).masked_fill(~valid_BT, LOG_ZERO)
