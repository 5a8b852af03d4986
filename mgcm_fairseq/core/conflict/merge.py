"""Merging: the gradients of T tasks for some parameters become one gradient each, group by group, by a rule."""

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict.flat import Limits, Zeros, limits_of
from mgcm_fairseq.core.conflict.gramian import identity
from mgcm_fairseq.core.conflict.groups import Groups
from mgcm_fairseq.core.conflict.halves import complete_halves, of_whole_batch
from mgcm_fairseq.core.conflict.layout import HALF, Gradients, Layout, take
from mgcm_fairseq.core.conflict.report import Report
from mgcm_fairseq.core.conflict.rules import Rule
from mgcm_fairseq.core.conflict.workers import Workers

_TIMES = 32  # the model's size that all layouts may have together: LayerDrop makes one for each set of layers


class Merger:
    """Groups, rule and workers of one training run."""

    def __init__(self, groups: Groups, rule: Rule, workers: Workers | None = None,
                 limits: Limits | None = None) -> None:
        self.groups = groups
        self.rule = rule
        self.workers = workers
        self.limits = limits  # None: those that suit the gradients' device
        self.halves = 2 if rule.halves else 1  # gradients of each task
        self.own_squares = False  # whether reports tell norms of each worker's own gradients
        self._layouts: dict[object, Layout] = {}  # the last used is the last
        self._held = 0  # elements of their parameters
        self._zeros = Zeros()

    def merge(self, parameters: list[Tensor], gradients: list[Gradients], report: Report, step: int) -> Gradients:
        """The merged gradient of each parameter.

        The number of operators does not depend on how many groups there are.

        Args:
            parameters: P parameters, with all members of their groups that any task reaches.
            gradients: T lists of P gradients, primary task first, or 2 T of half gradients for a rule that reads them;
                emptied, so that each can be freed once it is used.
            report: receives a line for each group that at least two tasks reach.
            step: the training step, for rules that draw random numbers.
        Raises:
            ValueError: for a sparse gradient of a parameter in scope.
        """
        if not parameters:
            return []
        if self.halves > 1:
            complete_halves(gradients)
        layout = self._layout(parameters, gradients)
        merged: Gradients = [None] * len(parameters)
        if layout.groups:
            self._judge(layout, gradients, report, step, merged)
        for position in layout.summed:
            merged[position] = _sum(take(gradients, position))
        return merged

    def _judge(self, layout: Layout, gradients: list[Gradients], report: Report, step: int, merged: Gradients) -> None:
        own_squares_NT = None
        if self.workers is not None:
            own_squares_NT = layout.squares(gradients) if self.own_squares else None
            self._average(self.workers, layout.judged, gradients)
        gramian_NTT, vectors = layout.gramians(gradients)
        if self.workers is not None and not self.rule.whole_gramian:
            gramian_NTT = self._row_average(self.workers, gramian_NTT)
        mixing_NTT = self.rule(gramian_NTT, layout.names, step)
        weights_NT = mixing_NTT.sum(1)
        if self.halves > 1:
            gramian_NTT, weights_NT = of_whole_batch(gramian_NTT), weights_NT.repeat_interleave(self.halves, 1)
        report.add(layout.groups, gramian_NTT, mixing_NTT, own_squares_NT)
        layout.combine(gradients, weights_NT, vectors, merged)

    def _layout(self, parameters: list[Tensor], gradients: list[Gradients]) -> Layout:
        kinds = tuple([None if gradient is None else gradient.dtype for of_task in gradients for gradient in of_task])
        device = next((g.device for of_task in gradients for g in of_task if g is not None), parameters[0].device)
        key = (self.groups.ids(parameters), kinds, device, self.limits)
        layout = self._layouts.pop(key, None)
        if layout is None:
            layout = Layout(self.groups, parameters, gradients, self.limits or limits_of(device), self._zeros,
                            self.halves)
            self._held += layout.elements
        while self._layouts and self._held > _TIMES * self.groups.elements:  # the one unused for longest
            self._held -= self._layouts.pop(next(iter(self._layouts))).elements
        self._layouts[key] = layout
        return layout

    def _average(self, workers: Workers, positions: list[int], gradients: list[Gradients]) -> None:
        """Means over workers in place of g_0, or of every task's gradient if the rule reads the whole Gramian."""
        for of_task in gradients if self.rule.whole_gramian else gradients[:self.halves]:
            present = [p for p in positions if of_task[p] is not None]
            means = workers.average([of_task[p] for p in present])  # type: ignore[misc]  # none is None
            for position, mean in zip(present, means, strict=True):
                of_task[position] = mean

    def _row_average(self, workers: Workers, gramian_NTT: Tensor) -> Tensor:
        """<G_0, G_a> by linearity from each worker's <G_0, g_a>; products of two local gradients are not known, and
        norms are those of the workers' own.
        """
        known_NTT = identity(gramian_NTT)
        if self.halves > 1:
            of_tasks = slice(None, None, self.halves)
            known_NTT = torch.kron(known_NTT[:, of_tasks, of_tasks], known_NTT.new_ones(1, self.halves, self.halves))
        known_NTT[:, :self.halves] = known_NTT[:, :, :self.halves] = 1
        return workers.average([gramian_NTT * known_NTT])[0]


def _sum(gradients: list[Tensor | None]) -> Tensor:
    """The plain sum, in fp32 where the gradients are in half precision."""
    first, *others = [gradient for gradient in gradients if gradient is not None]
    total = first.float() if others and first.dtype in HALF else first
    for gradient in others:
        total = total + gradient
    return total.to(first.dtype)
