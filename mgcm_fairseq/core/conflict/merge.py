"""Merging: the gradients of T tasks for some parameters become one gradient each, group by group, by a rule."""

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict.gramian import identity, pairwise_dots
from mgcm_fairseq.core.conflict.groups import Groups
from mgcm_fairseq.core.conflict.report import Report
from mgcm_fairseq.core.conflict.rules import Rule
from mgcm_fairseq.core.conflict.workers import Workers

Gradients = list[Tensor | None]
"""One for each parameter; None where the task does not reach it."""


class Merger:
    """Groups, rule and workers of one training run."""

    def __init__(self, groups: Groups, rule: Rule, workers: Workers | None = None) -> None:
        self.groups = groups
        self.rule = rule
        self.workers = workers

    def merge(self, parameters: list[Tensor], gradients: list[Gradients], report: Report, step: int) -> Gradients:
        """The merged gradient of each parameter.

        Args:
            parameters: P parameters, with all members of their groups that any task reaches.
            gradients: T lists of P gradients, primary task first; emptied, so that each can be freed once it is used.
            report: receives a line for each group that at least two tasks reach.
            step: the training step, for rules that draw random numbers.
        """
        shared = {group: positions for group, positions in self.groups.members(parameters).items()
                  if sum(any(of_task[p] is not None for p in positions) for of_task in gradients) > 1}
        weights: dict[int, Tensor] = {}
        if shared:
            if self.workers is not None:
                self._average(self.workers, [p for positions in shared.values() for p in positions], gradients)
            gramian_NTT = torch.stack([
                torch.stack([pairwise_dots([of_task[p] for of_task in gradients]) for p in positions
                             if any(of_task[p] is not None for of_task in gradients)]).sum(0)
                for positions in shared.values()])
            if self.workers is not None and not self.rule.whole_gramian:
                gramian_NTT = self._row_average(self.workers, gramian_NTT)
            mixing_NTT = self.rule(gramian_NTT, [self.groups.names[group] for group in shared], step)
            report.add(list(shared), gramian_NTT, mixing_NTT)
            for positions, weights_T in zip(shared.values(), mixing_NTT.sum(1), strict=True):
                weights |= dict.fromkeys(positions, weights_T)
        merged: Gradients = []
        for position in range(len(parameters)):
            of_parameter = [(task, of_task[position]) for task, of_task in enumerate(gradients)]
            for of_task in gradients:
                of_task[position] = None
            merged.append(_combine([(t, g) for t, g in of_parameter if g is not None], weights.get(position)))
        return merged

    def _average(self, workers: Workers, positions: list[int], gradients: list[Gradients]) -> None:
        """Means over workers in place of g_0, or of every task's gradient if the rule reads the whole Gramian."""
        for of_task in gradients if self.rule.whole_gramian else gradients[:1]:
            present = [p for p in positions if of_task[p] is not None]
            means = workers.average([of_task[p] for p in present])  # type: ignore[misc]  # none is None
            for position, mean in zip(present, means, strict=True):
                of_task[position] = mean

    @staticmethod
    def _row_average(workers: Workers, gramian_NTT: Tensor) -> Tensor:
        """<G_0, G_a> by linearity from each worker's <G_0, g_a>; products of two local gradients are not known."""
        known_NTT = identity(gramian_NTT)
        known_NTT[:, 0] = known_NTT[:, :, 0] = 1
        return workers.average([gramian_NTT * known_NTT])[0]


def _combine(gradients: list[tuple[int, Tensor]], weights_T: Tensor | None) -> Tensor | None:
    """sum_t w_t g_t, in fp32 where the gradients are in half precision; plain where there are no weights."""
    if len(gradients) < 2 and weights_T is None:
        return gradients[0][1] if gradients else None
    if not gradients:
        return None
    dtype = gradients[0][1].dtype
    wide = torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
    total: Tensor | None = None
    for task, gradient in gradients:
        part = gradient.to(wide)
        if total is None:
            total = part.clone() if weights_T is None else part * weights_T[task]
        elif weights_T is None:
            total += part
        else:
            total.addcmul_(part, weights_T[task])
    assert total is not None
    return total.to(dtype)
