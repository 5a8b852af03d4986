"""Inner products of gradients, and what rules do with them."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import torch
from torch import Tensor

_AT_ONCE = 1 << 15  # elements that are widened at a time, so that they stay in a cache
_SAFE = (1e-30, 1e30)  # squares of norms in fp32 between which no product has vanished or overflowed


def pairwise_dots(gradients: Sequence[Tensor | None]) -> Tensor:
    """<g_s, g_t> for T gradients of one large parameter on a CPU -> (T, T) in float64; 0 for an absent gradient.

    Computed in fp32 or better, and in float64 where fp32 is too small or too large for them. To see that, Python reads
    the result, which is no wait on a CPU; fake and meta tensors have none to read.
    """
    present = [(task, gradient.detach().reshape(-1)) for task, gradient in enumerate(gradients) if gradient is not None]
    double = any(flat.dtype == torch.float64 for _, flat in present)
    dots = _dots(present, len(gradients), torch.float64 if double else torch.float32)
    if not double and type(dots) is Tensor and not dots.is_meta:
        squares = dots.diagonal().tolist()
        if not all(_SAFE[0] < squares[task] < _SAFE[1] for task, _ in present):
            return _dots(present, len(gradients), torch.float64)
    return dots.double()


def _dots(present: Sequence[tuple[int, Tensor]], tasks: int, wide: torch.dtype) -> Tensor:
    dots: dict[tuple[int, int], list[Tensor]] = {}
    size = present[0][1].numel()
    chunk = size if all(flat.dtype == wide for _, flat in present) else _AT_ONCE
    for start in range(0, size, max(chunk, 1)):
        parts = [(task, flat[start:start + chunk].to(wide)) for task, flat in present]
        for (s, left), (t, right) in combinations_with_replacement(parts, 2):
            dots.setdefault((s, t), []).append(torch.dot(left, right))
    sums = {pair: torch.stack(of_chunks).sum() if len(of_chunks) > 1 else of_chunks[0]
            for pair, of_chunks in dots.items()}
    zero = present[0][1].new_zeros((), dtype=wide)
    entries = [sums.get((min(s, t), max(s, t)), zero) for s in range(tasks) for t in range(tasks)]
    return torch.stack(entries).view(tasks, tasks)


def ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """numerator / denominator, and 0 where the denominator is 0; nan and inf come through."""
    return (numerator / denominator).masked_fill(denominator == 0, 0)


def identity(gramian_NTT: Tensor) -> Tensor:
    """N identity matrices like the Gramians, made on their device."""
    groups, size, _ = gramian_NTT.shape
    return torch.eye(size, dtype=gramian_NTT.dtype, device=gramian_NTT.device).expand(groups, -1, -1).clone()
