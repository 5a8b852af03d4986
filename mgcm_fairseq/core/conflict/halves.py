"""Halves of a batch: for a rule that reads products across halves, which no noise in common falsifies.

The first half of B utterances is the first (B + 1) // 2 of them; one utterance alone is a first half without a second.
With halves, engine and merger have 2 T half gradients in place of T gradients: of each task, primary first, that of the
first half and that of the second. A task's gradient is their sum.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict.layout import Gradients
from mgcm_fairseq.core.conflict.streams import Stream, values_of


def rows_of_halves(rows: int) -> list[int]:
    """How many of the rows lie in each half."""
    return [rows] if rows < 2 else [(rows + 1) // 2, rows // 2]


def halves_of(call: Sequence[Any], halves: int) -> list[list[Any]]:
    """The values of a stage's call, those of each half for `halves` of 2, else all of them.

    Raises:
        ValueError: for a tensor that has neither a row for each utterance nor one for all.
    """
    values = values_of(call)
    if halves == 1:
        return [values]
    [rows, *others] = dict.fromkeys(part.value.size(0) for part in call if isinstance(part, Stream))
    if others:
        raise ValueError(f"half batches: expected that all streams of a call have as many rows, found {rows} and "
                         f"{others[0]}.")
    sizes = rows_of_halves(rows)
    parts = [_split(value, sizes) if isinstance(value, Tensor) else [value] * len(sizes) for value in values]
    return [list(of_half) for of_half in zip(*parts, strict=True)]


def _split(value: Tensor, sizes: Sequence[int]) -> Sequence[Tensor]:
    rows = value.size(0) if value.dim() else 1
    if len(sizes) == 1 or rows == 1:
        return [value] * len(sizes)
    if rows != sum(sizes):
        raise ValueError(f"half batches: expected that a tensor of a stage's call has a row for each of {sum(sizes)} "
                         f"utterances, or one for all, found {rows} rows.")
    return torch.split(value, list(sizes))


def split_rows(value: Tensor, halves: int) -> Sequence[Tensor]:
    """The rows of each half, or all of them."""
    return [value] if halves == 1 else torch.split(value, rows_of_halves(value.size(0)))


def join_rows(parts: Sequence[Tensor]) -> Tensor:
    """The inverse of `split_rows`."""
    [first, *others] = parts
    return torch.cat([first, *others]) if others else first


def join_gradients(parts: Sequence[Tensor | None], leaves: Sequence[Tensor]) -> Tensor | None:
    """The gradient for all rows, from those for each half's leaves; None where there is none."""
    if all(part is None for part in parts):
        return None
    return join_rows([torch.zeros_like(leaf) if part is None else part
                      for part, leaf in zip(parts, leaves, strict=True)])


def complete_halves(gradients: Sequence[Gradients]) -> None:
    """Gives a half that does not reach a parameter zeros where the task's other half does.

    So all workers have the same gradients to share, also one whose batch is of one utterance.
    """
    for first, second in zip(gradients[::2], gradients[1::2], strict=True):
        for position, (one, other) in enumerate(zip(first, second, strict=True)):
            if one is None and other is not None:
                first[position] = torch.zeros_like(other)
            elif other is None and one is not None:
                second[position] = torch.zeros_like(one)


def of_whole_batch(gramian_NSS: Tensor) -> Tensor:
    """(N, T, T) inner products of the tasks' gradients, from the (N, 2 T, 2 T) of their half gradients."""
    groups, size, _ = gramian_NSS.shape
    return gramian_NSS.view(groups, size // 2, 2, size // 2, 2).sum((2, 4))


def across_halves(gramian_NSS: Tensor) -> Tensor:
    """(N, T, T) <g_s of one half, g_t of the other>, the mean of both ways.

    In expectation <E g_s, E g_t> of a half, s = t among them: the halves' utterances are drawn independently of each
    other, so noise adds nothing, whereas <g_s, g_t> of a batch has the covariance of their noise in it.
    """
    groups, size, _ = gramian_NSS.shape
    products_NTHTH = gramian_NSS.view(groups, size // 2, 2, size // 2, 2)
    return (products_NTHTH[:, :, 0, :, 1] + products_NTHTH[:, :, 1, :, 0]) / 2
