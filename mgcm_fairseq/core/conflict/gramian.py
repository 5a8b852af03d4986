"""Dot products of gradients, in fp32 or better, without copies of whole gradients."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import torch
from torch import Tensor

_CPU_CHUNK = 1 << 20  # elements that are widened, and read by all their pairs, at a time
_GPU_CHUNK = 1 << 23


def pairwise_dots(gradients: Sequence[Tensor | None]) -> Tensor:
    """<g_s, g_t> for T gradients of one parameter -> (T, T); an absent gradient's row is zero.

    fp32 for half precision, whose products overflow at 65,504 and whose scaled gradients reach it; else their own type.
    """
    present = [(task, gradient.detach().reshape(-1)) for task, gradient in enumerate(gradients) if gradient is not None]
    first = present[0][1]
    wide = torch.float32 if first.dtype in (torch.float16, torch.bfloat16) else first.dtype
    chunk = _CPU_CHUNK if first.device.type == "cpu" else _GPU_CHUNK
    dots: dict[tuple[int, int], list[Tensor]] = {}
    for start in range(0, first.numel(), chunk):
        parts = [(task, flat[start:start + chunk].to(wide)) for task, flat in present]
        for (s, left), (t, right) in combinations_with_replacement(parts, 2):
            dots.setdefault((s, t), []).append(torch.dot(left, right))
    sums = {pair: torch.stack(of_chunks).sum() if len(of_chunks) > 1 else of_chunks[0]
            for pair, of_chunks in dots.items()}
    tasks, zero = range(len(gradients)), first.new_zeros((), dtype=wide)
    entries = [sums.get((min(s, t), max(s, t)), zero) for s in tasks for t in tasks]
    return torch.stack(entries).view(len(tasks), len(tasks))


def ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """numerator / denominator, and 0 where the denominator is 0; nan and inf come through."""
    zero = denominator == 0
    return torch.where(zero, torch.zeros_like(numerator), numerator / torch.where(zero, 1, denominator))


def identity(gramian_NTT: Tensor) -> Tensor:
    """N identity matrices like the Gramians, made on their device."""
    _, size, _ = gramian_NTT.shape
    return torch.eye(size, dtype=gramian_NTT.dtype, device=gramian_NTT.device).repeat(gramian_NTT.size(0), 1, 1)
