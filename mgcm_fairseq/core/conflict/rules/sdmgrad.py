"""SDMGrad: MoDo's weights, with a pull towards the plain mean's direction (Xiao et al. 2023, arXiv 2305.18409)."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mgcm_fairseq.core.conflict.rules.simplex_weights import SimplexWeights

PULL = 0.3
"""lambda: that of the authors' experiments."""


class SDMGrad:
    """w <- P(w - gamma G_1^T (G_2 w + lambda g_0)), direction (G w + lambda g_0) / (1 + lambda), g_0 the tasks' mean.

    One step of w a pass, since a pass has one pair of samples; the authors' code takes 20 with the same sample.
    """

    whole_gramian = True
    halves = True
    stateful = True

    def __init__(self, seed: int = 0) -> None:
        self._weights = SimplexWeights(PULL)

    def __call__(self, gramian_NSS: Tensor, groups: Sequence[str], step: int) -> Tensor:
        """(N, T, T); see SimplexWeights."""
        return self._weights(gramian_NSS, groups)

    def state_dict(self, tasks: Sequence[str]) -> dict[str, Any]:
        """The weights of each group."""
        return self._weights.state_dict(tasks)

    def load_state_dict(self, state: dict[str, Any], tasks: Sequence[str]) -> None:
        """Takes up what `state_dict` returned."""
        self._weights.load_state_dict(state, tasks)
