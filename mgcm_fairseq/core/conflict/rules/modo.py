"""MoDo: weights on the simplex from two independent samples (Chen et al. 2023, arXiv 2305.20057)."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mgcm_fairseq.core.conflict.rules.simplex_weights import SimplexWeights


class MoDo:
    """lambda <- P(lambda - gamma G_1^T G_2 lambda), G_1 and G_2 of the batch's halves, in both orders."""

    whole_gramian = True
    halves = True
    stateful = True

    def __init__(self, seed: int = 0) -> None:
        self._weights = SimplexWeights(pull=0.0)

    def __call__(self, gramian_NSS: Tensor, groups: Sequence[str], step: int) -> Tensor:
        """(N, T, T); see SimplexWeights."""
        return self._weights(gramian_NSS, groups)

    def state_dict(self, tasks: Sequence[str]) -> dict[str, Any]:
        """The weights of each group."""
        return self._weights.state_dict(tasks)

    def load_state_dict(self, state: dict[str, Any], tasks: Sequence[str]) -> None:
        """Takes up what `state_dict` returned."""
        self._weights.load_state_dict(state, tasks)
