"""GradVac: gradients are turned towards each other up to a running target of their cosine (arXiv 2010.05874)."""

from collections.abc import Sequence
from random import Random
from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict.gramian import identity, ratio

_CLOSE = 1e-6  # how near to 1 a target may come


class GradVac:
    """Algorithm 1 of Wang et al. 2021. Symmetric; the targets start at 0 and follow the cosines at the rate `beta`."""

    whole_gramian = True
    halves = False
    stateful = True

    def __init__(self, seed: int = 0, beta: float = 0.01) -> None:
        self.seed = seed
        self.beta = beta
        self._settled: dict[str, Tensor] = {}  # group -> (T, T) targets, after all steps before `_step`
        self._moved: dict[str, Tensor] = {}  # by `_step`, which counts once training has gone past it
        self._step = -1

    @property
    def targets(self) -> dict[str, Tensor]:
        """Group -> (T, T) targets after the last call."""
        return self._settled | self._moved

    def __call__(self, gramian_NTT: Tensor, groups: Sequence[str], step: int) -> Tensor:
        """g_i <- g_i + |g_i| (p sqrt(1 - c^2) - c sqrt(1 - p^2)) / (|g_j| sqrt(1 - p^2)) g_j where cosine c < p.

        p is the target of the pair (i, j) in this group (Eq. 2). Targets move once a step: one that is done again,
        after an overflow, moves them from where they were. Non-finite cosines leave them as they are.
        """
        if step != self._step:
            self._settled |= self._moved
            self._moved, self._step = {}, step
        tasks = gramian_NTT.size(1)
        random = Random(f"{self.seed}/{step}")
        zero_TT = gramian_NTT.new_zeros(tasks, tasks)
        target_NTT = torch.stack([self._settled.get(group, zero_TT).to(gramian_NTT) for group in groups])
        mixing_NTT = identity(gramian_NTT)
        norm_NT = gramian_NTT.diagonal(dim1=1, dim2=2).sqrt()
        for i in range(tasks):
            for j in random.sample([task for task in range(tasks) if task != i], tasks - 1):
                row_NT = mixing_NTT[:, i]
                dots_NT = torch.einsum("nt,ntj->nj", row_NT, gramian_NTT)
                own_N = (dots_NT * row_NT).sum(1).clamp(min=0).sqrt()  # |g_i| as changed so far
                present_N = (own_N > 0) & (norm_NT[:, j] > 0)
                cosine_N = ratio(ratio(dots_NT[:, j], own_N), norm_NT[:, j]).clamp(-1, 1)
                target_N = target_NTT[:, i, j].clamp(max=1 - _CLOSE)
                sine_N, target_sine_N = (1 - cosine_N.square()).sqrt(), (1 - target_N.square()).sqrt()
                step_N = ratio(own_N * (target_N * sine_N - cosine_N * target_sine_N), norm_NT[:, j] * target_sine_N)
                mixing_NTT[:, i, j] += torch.where(present_N & (cosine_N < target_N), step_N, 0.0)
                moved_N = (1 - self.beta) * target_NTT[:, i, j] + self.beta * cosine_N
                target_NTT[:, i, j] = torch.where(present_N & moved_N.isfinite(), moved_N, target_NTT[:, i, j])
        self._moved.update(zip(groups, target_NTT.unbind(), strict=True))
        return mixing_NTT

    def state_dict(self, tasks: Sequence[str]) -> dict[str, Any]:
        """The running targets of each group, on the CPU, and the tasks that their rows and columns are."""
        return {"tasks": list(tasks), "targets": {group: target.cpu() for group, target in self.targets.items()}}

    def load_state_dict(self, state: dict[str, Any], tasks: Sequence[str]) -> None:
        """Takes up what `state_dict` returned, by name: targets of groups and pairs that it lacks begin at 0."""
        both = [task for task in tasks if task in state["tasks"]]
        now_K = torch.tensor([tasks.index(task) for task in both], dtype=torch.long)
        then_K = torch.tensor([state["tasks"].index(task) for task in both], dtype=torch.long)
        self._settled, self._moved, self._step = {}, {}, -1
        for group, target in state["targets"].items():
            self._settled[group] = target.new_zeros(len(tasks), len(tasks))
            self._settled[group][now_K[:, None], now_K] = target[then_K[:, None], then_K]
