"""Automatic scope: a rule is given the groups alone in which conflict exceeds the noise, decided at intervals."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict.expected_conflict import RunningProducts
from mgcm_fairseq.core.conflict.gramian import identity
from mgcm_fairseq.core.conflict.halves import of_whole_batch
from mgcm_fairseq.core.conflict.rules.rule import Rule


class AutoScope:
    """Another rule, which reads whole batches, within a scope that follows the training.

    A group is in scope if the expected gradient of an auxiliary opposes the primary task's there, as far as
    core.conflict.expected_conflict can tell; the others keep their plain sum. The first interval has nothing in scope.
    """

    halves = True
    stateful = True

    def __init__(self, rule: Rule, interval: int) -> None:
        """ValueError for a rule over half gradients, which knows what noise is; `interval`: in training steps."""
        if rule.halves:
            raise ValueError("automatic scope: expected a rule that reads gradients of whole batches, found one that "
                             "compares halves itself.")
        self.rule = rule
        self.whole_gramian = rule.whole_gramian
        self.interval = interval
        self._products = RunningProducts()
        self._inside: dict[str, tuple[int, Tensor]] = {}  # group -> the interval, counted from 0, and whether it is in

    def __call__(self, gramian_NSS: Tensor, groups: Sequence[str], step: int) -> Tensor:
        """(N, T, T): the rule's in scope."""
        whole_NTT = of_whole_batch(gramian_NSS)
        mixing_NTT = self.rule(whole_NTT, groups, step)
        self._decide(gramian_NSS, groups, step // self.interval)
        inside_N = torch.stack([self._on(whole_NTT.device, group) for group in groups])
        self._products.add(groups, gramian_NSS)
        return torch.where(inside_N.view(-1, 1, 1), mixing_NTT, identity(whole_NTT))

    def _decide(self, gramian_NSS: Tensor, groups: Sequence[str], interval: int) -> None:
        """Anew for those groups that have not been seen in this interval."""
        due = [group for group in groups if self._inside.get(group, (-1,))[0] != interval]
        if due:
            opposing_N = self._products.of(due, gramian_NSS).opposing().any(1)
            self._inside.update(zip(due, ((interval, of_group) for of_group in opposing_N), strict=True))

    def _on(self, device: torch.device, group: str) -> Tensor:
        """Whether the group is in; one of a checkpoint is copied to the device once."""
        interval, inside = self._inside[group]
        if inside.device != device:
            inside = inside.to(device)
            self._inside[group] = interval, inside
        return inside

    def state_dict(self, tasks: Sequence[str]) -> dict[str, Any]:
        """The rule's, the running sums, and what is in scope."""
        return {"tasks": list(tasks), "rule": self.rule.state_dict(tasks), "products": self._products.state_dict(tasks),
                "inside": {group: (interval, bool(inside)) for group, (interval, inside) in self._inside.items()}}

    def load_state_dict(self, state: dict[str, Any], tasks: Sequence[str]) -> None:
        """Takes up what `state_dict` returned; of other tasks the scope is decided anew at once."""
        self.rule.load_state_dict(state["rule"], tasks)
        self._products.load_state_dict(state["products"], tasks)
        same = state["tasks"] == list(tasks)
        self._inside = {group: (interval, torch.tensor(inside))
                        for group, (interval, inside) in state["inside"].items() if same}
