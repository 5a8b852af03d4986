"""Dot products of gradients, in fp32 or better, without copies of whole gradients."""

from collections.abc import Sequence

import torch
from torch import Tensor

_CPU_CHUNK = 1 << 16  # elements: T chunks stay in the cache of a core while all their pairs are multiplied
_GPU_CHUNK = 1 << 23


def pairwise_dots(gradients: Sequence[Tensor | None]) -> Tensor:
    """<g_s, g_t> for T gradients of one parameter -> (T, T); an absent gradient's row is zero.

    fp32 for half precision, whose products overflow at 65,504 and whose scaled gradients reach it; else their own type.
    """
    present = [(task, gradient.detach().reshape(-1)) for task, gradient in enumerate(gradients) if gradient is not None]
    first = present[0][1]
    wide = torch.float32 if first.dtype in (torch.float16, torch.bfloat16) else first.dtype
    chunk = _CPU_CHUNK if first.device.type == "cpu" else _GPU_CHUNK
    gramian_TT = torch.zeros(len(gradients), len(gradients), dtype=wide, device=first.device)
    for start in range(0, first.numel(), chunk):
        parts = [(task, flat[start:start + chunk].to(wide)) for task, flat in present]
        for index, (s, left) in enumerate(parts):
            for t, right in parts[index:]:
                gramian_TT[s, t] += torch.dot(left, right)
    return gramian_TT + gramian_TT.triu(1).T


def ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """numerator / denominator, and 0 where the denominator is 0; nan and inf come through."""
    zero = denominator == 0
    return torch.where(zero, torch.zeros_like(numerator), numerator / torch.where(zero, 1, denominator))


def identity(gramian_NTT: Tensor) -> Tensor:
    """N identity matrices like the Gramians, made on their device."""
    _, size, _ = gramian_NTT.shape
    return torch.eye(size, dtype=gramian_NTT.dtype, device=gramian_NTT.device).repeat(gramian_NTT.size(0), 1, 1)
