"""Gradients of many parameters as one vector a task, so that a few operators serve all groups at once.

A vector is made of whole blocks: every parameter begins a block, and zeros fill its last one. Vectors are cut into
chunks, which bounds the memory of the copy. T tasks, K blocks of a chunk, G groups.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch._utils import _flatten_dense_tensors

BLOCK = 256  # elements: what is multiplied at once, and what a parameter is filled up to


class Limits(NamedTuple):
    """Sizes in elements that suit a device."""

    chunk: int  # of a vector that is copied at a time
    alone: int  # a larger parameter is not copied: operators of its own are cheaper than the copy


CPU = Limits(chunk=1 << 15, alone=1 << 15)
GPU = Limits(chunk=1 << 21, alone=1 << 62)


def limits_of(device: torch.device) -> Limits:
    """Those of the device."""
    return CPU if device.type == "cpu" else GPU


class Piece(NamedTuple):
    """A stretch of one parameter."""

    position: int  # of the parameter
    start: int
    stop: int
    size: int  # elements of the whole parameter
    filling: Tensor | None  # zeros up to the end of the last block

    @property
    def blocks(self) -> int:
        """How many it takes."""
        return -(-(self.stop - self.start) // BLOCK)

    def cut(self, gradient: Tensor) -> Tensor:
        """The stretch of a gradient."""
        whole = self.stop - self.start == self.size
        return gradient if whole else gradient.reshape(-1)[self.start:self.stop]


class Chunk:
    """Consecutive blocks of every task's vector, and one of zeros behind them."""

    def __init__(self, pieces: Sequence[Piece], groups: Sequence[int], device: torch.device,
                 dtype: torch.dtype) -> None:
        """`groups`: of each piece."""
        of_blocks = [group for piece, group in zip(pieces, groups, strict=True) for _ in range(piece.blocks)]
        self.pieces = pieces
        self.groups = list(dict.fromkeys(of_blocks))
        self.finished = [piece.position for piece in pieces if piece.stop == piece.size]
        self.size = len(of_blocks) * BLOCK
        self._blocks = len(of_blocks) + 1
        self._end = torch.zeros(BLOCK, device=device, dtype=dtype)
        self._nothing = torch.zeros((), device=device, dtype=dtype)
        self._group_of_K = torch.tensor([*of_blocks, of_blocks[-1]], device=device)
        members: dict[int, list[int]] = {group: [] for group in self.groups}
        for block, group in enumerate(of_blocks):
            members[group].append(block)
        self._blocks_of_G = table(list(members.values()), len(of_blocks), device)

    def vectors(self, gradients: Sequence[Sequence[Tensor | None]], wide: torch.dtype) -> Tensor:
        """(T, K, BLOCK) of T tasks' gradients; absent ones are zero."""
        parts = []
        for of_task in gradients:
            for piece in self.pieces:
                gradient = of_task[piece.position]
                parts.append(self._nothing.expand(piece.stop - piece.start) if gradient is None
                             else piece.cut(gradient))
                if piece.filling is not None:
                    parts.append(piece.filling)
            parts.append(self._end)
        flat: Tensor = _flatten_dense_tensors(parts)  # type: ignore[no-untyped-call]
        return flat.to(wide).view(len(gradients), self._blocks, BLOCK)

    def dots(self, vectors_TKB: Tensor) -> Tensor:
        """(groups, T, T) inner products in float64.

        In float64 so that the smallest gradients keep their sign, and no setting of the user's, as TF32, takes it.
        """
        wide_KTB = vectors_TKB.double().transpose(0, 1)
        dots_KTT = torch.bmm(wide_KTB, wide_KTB.transpose(1, 2))
        return gathered(dots_KTT, self._blocks_of_G).sum(1)

    def combine(self, vectors_TKB: Tensor, weights_GT: Tensor) -> Tensor:
        """sum_t w_t g_t with the weights of each block's group, as one flat vector; overwrites `vectors_TKB`."""
        weights_TK = weights_GT.index_select(0, self._group_of_K).T.to(vectors_TKB.dtype)
        return vectors_TKB.mul_(weights_TK.unsqueeze(2)).sum(0).view(-1)[:-BLOCK]


def gathered(rows: Tensor, indices: Tensor) -> Tensor:
    """rows[indices], without the synchronisation that indexing may bring."""
    return rows.index_select(0, indices.view(-1)).view(*indices.shape, *rows.shape[1:])


def table(rows: Sequence[Sequence[int]], filler: int, device: torch.device) -> Tensor:
    """The rows as a matrix, filled up to the longest."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows], device=device)


def chunks(sizes: Sequence[tuple[int, int]], groups: Sequence[int], limit: int, device: torch.device,
           dtype: torch.dtype) -> list[Chunk]:
    """Parameters, as (position, elements), of these groups, cut into chunks of at most `limit` elements."""
    found: list[Chunk] = []
    pieces: list[Piece] = []
    of_pieces: list[int] = []
    room = limit // BLOCK
    for (position, size), group in zip(sizes, groups, strict=True):
        start = 0
        while start < size:
            if not room:
                found.append(Chunk(pieces, of_pieces, device, dtype))
                pieces, of_pieces, room = [], [], limit // BLOCK
            stop = min(size, start + room * BLOCK)
            missing = -(stop - start) % BLOCK
            filling = torch.zeros(missing, device=device, dtype=dtype) if missing else None
            pieces.append(Piece(position, start, stop, size, filling))
            of_pieces.append(group)
            room -= pieces[-1].blocks
            start = stop
    if pieces:
        found.append(Chunk(pieces, of_pieces, device, dtype))
    return found
