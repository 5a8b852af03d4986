"""Gradients of many parameters as one vector a task, so that a few operators serve all groups at once.

A vector is made of whole tiles: every parameter begins a tile, and zeros fill its last one. Vectors are cut into
chunks, which bounds the memory of the copy. T tasks, K tiles of a chunk, G groups.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise, repeat
from math import gcd
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch._utils import _flatten_dense_tensors

AT_ONCE = 1 << 23  # elements of all vectors together that are widened at a time


class Limits(NamedTuple):
    """Sizes in elements that suit a device."""

    tile: int  # what is multiplied at once, and what a parameter is filled up to
    chunk: int  # of a vector that is copied at a time
    alone: int  # a larger parameter is not copied: operators of its own are cheaper than the copy


CPU = Limits(tile=32, chunk=1 << 15, alone=1 << 15)
GPU = Limits(tile=256, chunk=1 << 23, alone=1 << 62)


def limits_of(device: torch.device) -> Limits:
    """Those of the device."""
    return CPU if device.type == "cpu" else GPU


class Zeros:
    """Zeros of every device and type that the chunks of a training share."""

    def __init__(self) -> None:
        self._held: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def of(self, size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
        """As many; not to be written to."""
        held = self._held.get((device, dtype))
        if held is None or held.numel() < size:
            held = self._held[device, dtype] = torch.zeros(size, device=device, dtype=dtype)
        return held[:size]


class Member(NamedTuple):
    """A parameter that is judged."""

    position: int  # among those that are merged together
    size: int  # elements
    group: int
    tasks: frozenset[int]  # that have a gradient


class Stretch(NamedTuple):
    """A stretch of one parameter."""

    member: Member
    start: int
    stop: int
    tiles: int
    filling: Tensor | None  # zeros up to the end of the last tile

    def cut(self, gradient: Tensor) -> Tensor:
        """The stretch of a gradient."""
        whole = self.stop - self.start == self.member.size
        return gradient if whole else gradient.reshape(-1)[self.start:self.stop]


class Chunk:
    """Consecutive tiles of the vector of every task that has a gradient there, and one of zeros behind them."""

    def __init__(self, stretches: Sequence[Stretch], tile: int, tasks: int, end: Tensor, nothing: Tensor) -> None:
        """`tile`: its elements; `tasks`: how many there are, with those that have no gradient here; `end`: a tile of
        zeros; `nothing`: as many zeros as the longest stretch has elements, if a task lacks one.
        """
        of_tiles: list[int] = []
        members: dict[int, list[int]] = {}
        for stretch in stretches:
            members.setdefault(stretch.member.group, []).extend(range(len(of_tiles), len(of_tiles) + stretch.tiles))
            of_tiles.extend(repeat(stretch.member.group, stretch.tiles))
        self.stretches = stretches
        self.groups = list(members)
        self.finished = [stretch.member.position for stretch in stretches if stretch.stop == stretch.member.size]
        self.sizes = [size for stretch in stretches for size in (
            stretch.stop - stretch.start, 0 if stretch.filling is None else stretch.filling.numel())]
        self._all = tasks
        self._tasks = _slice_of_tasks(sorted(frozenset[int]().union(*(stretch.member.tasks for stretch in stretches))))
        self._tiles = len(of_tiles) + 1
        self._tile = tile
        self._end, self._nothing = end, nothing
        self._group_of_K = torch.tensor([*of_tiles, 0], device=end.device)  # any for the zeros behind
        self._tiles_of_G = table(list(members.values()), len(of_tiles), end.device)

    def vectors(self, gradients: Sequence[Sequence[Tensor | None]]) -> Tensor:
        """(T, K, tile) of the T tasks that have gradients here; what one of them lacks is zero."""
        parts = []
        for of_task in gradients[self._tasks]:
            for stretch in self.stretches:
                gradient = of_task[stretch.member.position]
                parts.append(self._nothing[:stretch.stop - stretch.start] if gradient is None
                             else stretch.cut(gradient))
                if stretch.filling is not None:
                    parts.append(stretch.filling)
            parts.append(self._end)
        flat: Tensor = _flatten_dense_tensors(parts)  # type: ignore[no-untyped-call]  # of torch, which is not typed
        return flat.view(-1, self._tiles, self._tile)

    def dots(self, vectors_TKB: Tensor) -> Tensor:
        """(groups, all tasks, all tasks) inner products in float64.

        In float64 so that the smallest gradients keep their sign, and no setting of the user's, as TF32, takes it.
        """
        parts = []
        for tiles in _slices_of_tiles(vectors_TKB):
            wide_KTB = vectors_TKB[:, tiles].double().transpose(0, 1)
            parts.append(torch.bmm(wide_KTB, wide_KTB.transpose(1, 2)))
        return self._spread(gathered(joined(parts), self._tiles_of_G).sum(1))

    def _spread(self, known_GTT: Tensor) -> Tensor:
        """With zeros for the tasks that have no gradient here."""
        if known_GTT.size(1) == self._all:
            return known_GTT
        if self._tasks.step == 1:
            before, behind = self._tasks.start, self._all - self._tasks.stop
            return F.pad(known_GTT, (before, behind, before, behind))
        dots_GTT = known_GTT.new_zeros(len(known_GTT), self._all, self._all)
        dots_GTT[:, self._tasks, self._tasks] = known_GTT
        return dots_GTT

    def combine(self, vectors_TKB: Tensor, weights_GT: Tensor, wide: torch.dtype, narrow: torch.dtype) -> Tensor:
        """sum_t w_t g_t with the weights of each tile's group, as one flat vector; computed in `wide`."""
        weights_TK = weights_GT[:, self._tasks].index_select(0, self._group_of_K).T.to(wide)
        parts = [(vectors_TKB[:, tiles] * weights_TK[:, tiles].unsqueeze(2)).sum(0).to(narrow)
                 for tiles in _slices_of_tiles(vectors_TKB)]
        return joined(parts).view(-1)[:-self._tile]


def _slice_of_tasks(tasks: Sequence[int]) -> slice:
    """The shortest slice that has all of them."""
    return slice(tasks[0], tasks[-1] + 1, max(1, gcd(*(later - task for task, later in pairwise(tasks)))))


def _slices_of_tiles(vectors_TKB: Tensor) -> list[slice]:
    """Of the tiles."""
    tasks, tiles, tile = vectors_TKB.shape
    step = max(1, AT_ONCE // (tasks * tile))
    return [slice(start, start + step) for start in range(0, tiles, step)]


def joined(parts: Sequence[Tensor]) -> Tensor:
    """One behind the other, along the first dimension; one alone is not copied."""
    first, *others = parts
    return torch.cat([first, *others]) if others else first


def gathered(rows: Tensor, indices: Tensor) -> Tensor:
    """rows[indices], without the synchronisation that indexing may bring."""
    return rows.index_select(0, indices.view(-1)).view(*indices.shape, *rows.shape[1:])


def table(rows: Sequence[Sequence[int]], filler: int, device: torch.device) -> Tensor:
    """The rows as a matrix, filled up to the longest."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows], device=device)


def chunks(members: Sequence[Member], tasks: int, limits: Limits, zeros: Callable[[int], Tensor]) -> list[Chunk]:
    """The parameters, cut into chunks.

    Args:
        members: parameters that have elements.
        tasks: how many there are.
        limits: of tiles and chunks.
        zeros: answers as many, of the gradients' device and type.
    """
    cut: list[list[Stretch]] = [[]]
    room = limits.chunk // limits.tile
    for member in members:
        start = 0
        while start < member.size:
            if not room:
                cut.append([])
                room = limits.chunk // limits.tile
            stop = min(member.size, start + room * limits.tile)
            missing = -(stop - start) % limits.tile
            filling = zeros(missing) if missing else None
            cut[-1].append(Stretch(member, start, stop, (stop - start + missing) // limits.tile, filling))
            room -= cut[-1][-1].tiles
            start = stop
    absent = [min(member.size, limits.chunk) for member in members if len(member.tasks) < tasks]
    nothing = zeros(max(absent, default=0))
    return [Chunk(stretches, limits.tile, tasks, zeros(limits.tile), nothing) for stretches in cut if stretches]
