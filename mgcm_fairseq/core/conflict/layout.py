"""Where the gradients of one set of parameters lie while they are merged: found once, used in every backward pass.

N groups, T tasks.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict.flat import Limits, Member, Zeros, chunks, gathered, joined, table
from mgcm_fairseq.core.conflict.gramian import pairwise_dots
from mgcm_fairseq.core.conflict.groups import Groups

Gradients = list[Tensor | None]
"""One for each parameter; None where the task does not reach it."""

HALF = (torch.float16, torch.bfloat16)


class Layout:
    """For parameters of which the same tasks have gradients of the same types every time."""

    def __init__(self, groups: Groups, parameters: Sequence[Tensor], gradients: Sequence[Gradients],
                 limits: Limits, zeros: Zeros, halves: int = 1) -> None:
        """Raises ValueError for a sparse gradient of a parameter in scope; `halves`: gradients of each task."""
        reached = [frozenset(task for task, of_task in enumerate(gradients) if of_task[position] is not None)
                   for position in range(len(parameters))]
        judgeable = {group: [p for p in positions if reached[p] and parameters[p].numel()]
                     for group, positions in groups.members(parameters).items()}
        shared = {group: positions for group, positions in judgeable.items()
                  if len({stream // halves for p in positions for stream in reached[p]}) > 1}
        self.groups = list(shared)
        self.names = [groups.names[group] for group in shared]
        members = [Member(p, parameters[p].numel(), row, reached[p])
                   for row, positions in enumerate(shared.values()) for p in positions]
        self.judged = [member.position for member in members]
        self.elements = sum(member.size for member in members)
        self.summed = [p for p, tasks in enumerate(reached) if tasks and p not in set(self.judged)]
        if members:
            self._lay_out(parameters, gradients, members, limits, zeros)

    def _lay_out(self, parameters: Sequence[Tensor], gradients: Sequence[Gradients], members: Sequence[Member],
                 limits: Limits, zeros: Zeros) -> None:
        found = [(p, gradient) for of_task in gradients for p in self.judged if (gradient := of_task[p]) is not None]
        for position, gradient in found:
            if gradient.layout is not torch.strided:
                raise ValueError(f"conflict handling: expected dense gradients, found a sparse one of a parameter of "
                                 f"shape {tuple(parameters[position].shape)}. Make its module with sparse=False, or "
                                 f"leave it out of the scope.")
        self._types = {p: gradient.dtype for p, gradient in found}
        [*types] = set(self._types.values())
        self._narrow = types[0] if len(types) == 1 else None  # None: each parameter has its own
        self._wide = torch.float64 if torch.float64 in types else torch.float32
        device, *others = dict.fromkeys(gradient.device for _, gradient in found)
        if others:
            raise ValueError(f"conflict handling: expected gradients on one device, found {device} and {others[0]} in "
                             f"one stage. Run each device's modules in stages of their own.")
        self._rows = [torch.tensor([member.group for member in members if task in member.tasks], dtype=torch.long,
                                   device=device) for task in range(len(gradients))]
        self._alone = [member for member in members if member.size > limits.alone]
        flat = [member for member in members if member.size <= limits.alone]
        self._chunks = chunks(flat, len(gradients), limits, lambda size: zeros.of(size, device, types[0]))
        self._shapes = [None if parameter.dim() == 1 else parameter.shape for parameter in parameters]
        parts = [row for chunk in self._chunks for row in chunk.groups] + [member.group for member in self._alone]
        self._parts_of_N: Tensor | None = None
        if parts != list(range(len(self.groups))):
            of_rows = [[part for part, row in enumerate(parts) if row == wanted] for wanted in range(len(self.groups))]
            self._parts_of_N = table(of_rows, len(parts), device)
            self._zero_1TT = torch.zeros(1, len(gradients), len(gradients), dtype=torch.float64, device=device)

    def squares(self, gradients: Sequence[Gradients]) -> Tensor:
        """(N, T) |g_t|^2 of each task's gradients in float64; 0 for an absent gradient."""
        squares_TN = torch.zeros(len(gradients), len(self.groups), dtype=torch.float64, device=self._rows[0].device)
        for square_N, rows_P, of_task in zip(squares_TN, self._rows, gradients, strict=True):
            present = [gradient for position in self.judged if (gradient := of_task[position]) is not None]
            if present:
                norms = list(torch._foreach_norm(present, 2, dtype=self._wide))
                square_N.index_add_(0, rows_P, torch.stack(norms).double().square())
        return squares_TN.T

    def gramians(self, gradients: Sequence[Gradients]) -> tuple[Tensor, list[Tensor]]:
        """(N, T, T) inner products of all tasks' gradients, and the vectors of each chunk, which take their place.

        A gradient that lies in the vectors is dropped, so that there is never a second copy of more than a chunk.
        """
        parts, vectors = [], []
        for chunk in self._chunks:
            vectors.append(chunk.vectors(gradients))
            drop(gradients, chunk.finished)
            parts.append(chunk.dots(vectors[-1]))
        parts += [pairwise_dots([of_task[member.position] for of_task in gradients]).unsqueeze(0)
                  for member in self._alone]
        if self._parts_of_N is not None:
            total_NTT = gathered(torch.cat([*parts, self._zero_1TT]), self._parts_of_N).sum(1)
        else:
            total_NTT = joined(parts)
        return total_NTT, vectors

    def combine(self, gradients: Sequence[Gradients], weights_NT: Tensor, vectors: list[Tensor],
                merged: Gradients) -> None:
        """Writes sum_t w_t g_t of every judged parameter into `merged`; empties `vectors`, those from `gramians`."""
        cut: list[Tensor] = []  # the stretches so far of a parameter that has several
        for chunk in self._chunks:
            flat = chunk.combine(vectors.pop(0), weights_NT, self._wide, self._narrow or self._wide)
            for stretch, gradient in zip(chunk.stretches, flat.split_with_sizes(chunk.sizes)[::2], strict=True):
                position, size = stretch.member.position, stretch.member.size
                if stretch.stop - stretch.start < size:
                    cut.append(gradient)
                    if stretch.stop < size:
                        continue
                    gradient, cut = torch.cat(cut), []
                shape = self._shapes[position]
                gradient = gradient if shape is None else gradient.view(shape)
                merged[position] = gradient if self._narrow else gradient.to(self._types[position])
        for member in self._alone:
            merged[member.position] = _weighted(take(gradients, member.position), weights_NT[member.group], self._wide)


def take(gradients: Sequence[Gradients], position: int) -> list[Tensor | None]:
    """The gradients of one parameter, which the lists hold no longer."""
    found = [of_task[position] for of_task in gradients]
    drop(gradients, [position])
    return found


def drop(gradients: Sequence[Gradients], positions: Sequence[int]) -> None:
    """Has the lists hold these gradients no longer."""
    for of_task in gradients:
        for position in positions:
            of_task[position] = None


def _weighted(gradients: Sequence[Tensor | None], weights_T: Tensor, wide: torch.dtype) -> Tensor:
    """sum_t w_t g_t of one parameter."""
    total: Tensor | None = None
    for gradient, weight in zip(gradients, weights_T.to(wide), strict=True):
        if gradient is not None:
            dtype, part = gradient.dtype, gradient.to(wide)
            total = part * weight if total is None else total.addcmul_(part, weight)
    assert total is not None
    return total.to(dtype)
