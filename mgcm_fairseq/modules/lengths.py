"""Lengths and padding masks of right-padded batches, and the precision that sums over them need."""

import torch
from torch import Tensor


def valid_mask(lengths: Tensor, size: int) -> Tensor:
    """True where a position holds data: (B,) lengths -> (B, size) bool."""
    return torch.arange(size, device=lengths.device) < lengths.unsqueeze(1)


def conv_length(length: Tensor, kernel: int, stride: int, padding: int = 0) -> Tensor:
    """Output length of a convolution, elementwise on integer tensors; 0 for an input shorter than the kernel."""
    return ((length + 2 * padding - kernel).div(stride, rounding_mode="floor") + 1).clamp(min=0)


def key_mask(valid_BS: Tensor) -> Tensor:
    """(B, S) validity of keys -> (B, 1, 1, S) attention mask, True where a key may be attended to."""
    return valid_BS[:, None, None, :]


def causal_mask(size: int, device: torch.device) -> Tensor:
    """(1, 1, size, size) attention mask, True where key position <= query position."""
    return torch.ones(size, size, dtype=torch.bool, device=device).tril()[None, None]


def at_least_fp32(x: Tensor) -> Tensor:
    """Half precision widened to fp32; fp32 and fp64 as they are."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
