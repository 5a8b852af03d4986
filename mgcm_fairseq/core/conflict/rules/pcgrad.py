"""PCGrad: every gradient loses what opposes the others, one after the other in random order (arXiv 2001.06782)."""

from collections.abc import Sequence
from random import Random
from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict.gramian import identity, ratio


class PCGrad:
    """Algorithm 1 of Yu et al. 2020. Symmetric: there is no primary task.

    The order is drawn from (seed, step), the same for all groups, so that it is equal on all workers and in a
    resumed run.
    """

    whole_gramian = True
    halves = False
    stateful = False

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def __call__(self, gramian_NTT: Tensor, groups: Sequence[str], step: int) -> Tensor:
        """g_i <- g_i - <g_i, g_j> / |g_j|^2 g_j where <g_i, g_j> < 0, for all j != i in random order."""
        tasks = gramian_NTT.size(1)
        random = Random(f"{self.seed}/{step}")
        mixing_NTT = identity(gramian_NTT)
        for i in range(tasks):
            for j in random.sample([task for task in range(tasks) if task != i], tasks - 1):
                dot_N = (mixing_NTT[:, i] * gramian_NTT[:, :, j]).sum(1)
                mixing_NTT[:, i, j] += ratio(torch.relu(-dot_N), gramian_NTT[:, j, j])
        return mixing_NTT

    def state_dict(self, tasks: Sequence[str]) -> dict[str, Any]:
        """Nothing: the order follows from seed and step."""
        return {}

    def load_state_dict(self, state: dict[str, Any], tasks: Sequence[str]) -> None:
        """Nothing to load."""
