"""How the gradients of one set of parameters are merged: found once, used in every backward pass.

N groups, T tasks.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mgcm_fairseq.core.conflict.flat import BLOCK, Limits, chunks, gathered, table
from mgcm_fairseq.core.conflict.gramian import pairwise_dots
from mgcm_fairseq.core.conflict.groups import Groups

Gradients = list[Tensor | None]
"""One for each parameter; None where the task does not reach it."""

HALF = (torch.float16, torch.bfloat16)


class Plan:
    """For parameters of which the same tasks have gradients of the same types every time."""

    def __init__(self, groups: Groups, parameters: Sequence[Tensor], gradients: Sequence[Gradients],
                 limits: Limits) -> None:
        """Raises ValueError for a sparse gradient of a parameter in scope."""
        reached = [{task for task, of_task in enumerate(gradients) if of_task[position] is not None}
                   for position in range(len(parameters))]
        shared = {group: [p for p in positions if reached[p]] for group, positions in groups.members(parameters).items()
                  if len(set[int]().union(*(reached[p] for p in positions))) > 1}
        self.groups = list(shared)
        self.names = [groups.names[group] for group in shared]
        self.judged = [p for positions in shared.values() for p in positions]
        self.summed = [p for p, tasks in enumerate(reached) if tasks and p not in set(self.judged)]
        self.tasks = _slice(sorted(set[int]().union(*(reached[p] for p in self.judged))))
        if self.judged:
            self._lay_out(parameters, gradients, limits, list(shared.values()))

    def _lay_out(self, parameters: Sequence[Tensor], gradients: Sequence[Gradients], limits: Limits,
                 members: Sequence[Sequence[int]]) -> None:
        found = {p: gradient for of_task in gradients for p in self.judged if (gradient := of_task[p]) is not None}
        for position, gradient in found.items():
            if gradient.layout is not torch.strided:
                raise ValueError(f"conflict handling: expected dense gradients, found a sparse one of a parameter of "
                                 f"shape {tuple(parameters[position].shape)}. Make its module with sparse=False, or "
                                 f"leave it out of the scope.")
        self._types = {p: gradient.dtype for p, gradient in found.items()}
        [*types] = set(self._types.values())
        self._narrow = types[0] if len(types) == 1 else None
        self.wide = torch.float64 if torch.float64 in types else torch.float32
        device = found[self.judged[0]].device
        rows = {p: row for row, positions in enumerate(members) for p in positions}
        self._alone = [p for p in self.judged if parameters[p].numel() > limits.alone]
        self._flat = [p for p in self.judged if parameters[p].numel() <= limits.alone]
        self._rows = rows
        self.chunks = chunks([(p, parameters[p].numel()) for p in self._flat], [rows[p] for p in self._flat],
                             limits.chunk, device, types[0])
        self._shapes = {p: parameters[p].shape for p in self._flat}
        self._sizes = [size for p in self._flat for size in (parameters[p].numel(), -parameters[p].numel() % BLOCK)]
        parts = [row for chunk in self.chunks for row in chunk.groups] + [rows[p] for p in self._alone]
        self._total = None
        if parts != list(range(len(members))):
            of_rows = [[part for part, row in enumerate(parts) if row == wanted] for wanted in range(len(members))]
            self._total = table(of_rows, len(parts), device)
            count = len(range(*self.tasks.indices(len(gradients))))
            self._zero_1TT = torch.zeros(1, count, count, dtype=torch.float64, device=device)

    def gramians(self, gradients: Sequence[Gradients]) -> tuple[Tensor, Tensor | None]:
        """(N, T, T) inner products of all tasks' gradients, and the vectors that made them if one chunk holds all."""
        chosen, parts, vectors = gradients[self.tasks], [], None
        for chunk in self.chunks:
            vectors = chunk.vectors(chosen, self.wide)
            parts.append(chunk.dots(vectors))
        parts += [pairwise_dots([of_task[p] for of_task in chosen]).unsqueeze(0) for p in self._alone]
        if self._total is None:
            total_NTT = parts[0] if len(parts) == 1 else torch.cat(parts)
        else:
            total_NTT = gathered(torch.cat([*parts, self._zero_1TT]), self._total).sum(1)
        if len(chosen) < len(gradients):
            total_NTT = self._spread(total_NTT, len(gradients))
        return total_NTT, vectors if len(self.chunks) == 1 else None

    def _spread(self, known_NTT: Tensor, tasks: int) -> Tensor:
        """With zeros for tasks that have no gradient here."""
        if self.tasks.step == 1:
            before, behind = self.tasks.start, tasks - self.tasks.stop
            return F.pad(known_NTT, (before, behind, before, behind))
        total_NTT = known_NTT.new_zeros(len(known_NTT), tasks, tasks)
        total_NTT[:, self.tasks, self.tasks] = known_NTT
        return total_NTT

    def combine(self, gradients: Sequence[Gradients], weights_NT: Tensor, vectors: Tensor | None,
                merged: Gradients) -> None:
        """Writes sum_t w_t g_t of every judged parameter into `merged`, and drops each gradient that is done with.

        Takes `vectors` from `gramians`, and overwrites them.
        """
        chosen, weights_NT = gradients[self.tasks], weights_NT[:, self.tasks]
        if self.chunks:
            flat = self._combine_one(chosen, weights_NT, vectors) if len(self.chunks) == 1 else \
                self._combine_chunks(chosen, weights_NT)
            for p, part in zip(self._flat, flat.split_with_sizes(self._sizes)[::2], strict=True):
                merged[p] = part.view(self._shapes[p])
                if self._narrow is None:
                    merged[p] = part.view(self._shapes[p]).to(self._types[p])
        for p in self._alone:
            merged[p] = _weighted(take(gradients, p), weights_NT[self._rows[p]], self.wide)

    def _combine_one(self, gradients: Sequence[Gradients], weights_NT: Tensor, vectors: Tensor | None) -> Tensor:
        assert vectors is not None
        _drop(gradients, self._flat)
        return self.chunks[0].combine(vectors, weights_NT).to(self._narrow or self.wide)

    def _combine_chunks(self, gradients: Sequence[Gradients], weights_NT: Tensor) -> Tensor:
        flat, start = weights_NT.new_empty(sum(chunk.size for chunk in self.chunks), dtype=self._narrow or self.wide), 0
        for chunk in self.chunks:
            vectors = chunk.vectors(gradients, self.wide)
            _drop(gradients, chunk.finished)
            flat[start:start + chunk.size].copy_(chunk.combine(vectors, weights_NT))
            start += chunk.size
        return flat


def take(gradients: Sequence[Gradients], position: int) -> list[Tensor | None]:
    """The gradients of one parameter, which the lists hold no longer."""
    found = [of_task[position] for of_task in gradients]
    _drop(gradients, [position])
    return found


def _drop(gradients: Sequence[Gradients], positions: Sequence[int]) -> None:
    for of_task in gradients:
        for position in positions:
            of_task[position] = None


def _weighted(gradients: Sequence[Tensor | None], weights_T: Tensor, wide: torch.dtype) -> Tensor:
    """sum_t w_t g_t of one parameter."""
    weights_T = weights_T.to(wide)
    total: Tensor | None = None
    for gradient, weight in zip(gradients, weights_T.unbind(), strict=True):
        if gradient is not None:
            dtype, part = gradient.dtype, gradient.to(wide)
            total = part * weight if total is None else total.addcmul_(part, weight)
    assert total is not None
    return total.to(dtype)


def _slice(tasks: Sequence[int]) -> slice:
    """The shortest slice that has all of them."""
    if not tasks:
        return slice(0)
    step = tasks[1] - tasks[0] if len(tasks) > 1 else 1
    whole = slice(tasks[0], tasks[-1] + 1, step)
    return whole if list(range(tasks[-1] + 1))[whole] == list(tasks) else slice(tasks[0], tasks[-1] + 1)

