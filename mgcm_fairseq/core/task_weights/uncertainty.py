"""Uncertainty weighting: each task's noise is learnt with the network (Kendall et al. 2018, arXiv 1705.07115)."""

from typing import Any

from torch import Tensor

from mgcm_fairseq.core.task_weights.adam import Adam
from mgcm_fairseq.core.task_weights.weighting import Settled


class Uncertainty:
    """Eq. 10 for tasks that classify: sum_t exp(-s_t) L_t + s_t / 2, where s_t = log sigma_t^2 is learnt.

    Its gradient for s_t, 1/2 - exp(-s_t) L_t, is written out, so that it takes no backward pass. Weights tend to
    1 / (2 L_t). As in the paper, s_t is learnt at the network's rate; it begins at 0, and weights at 1.
    """

    def __init__(self, tasks: int) -> None:
        self._adam = Adam(tasks)

    @property
    def weights(self) -> Tensor:
        """(T,) float64, exp(-s_t)."""
        return self._adam.values.neg().exp()

    def settle(self, update: Settled) -> None:
        """One step of Adam."""
        weights_T = self.weights.to(update.losses.device)
        self._adam.step(0.5 - weights_T * update.losses, update.rate)

    def state_dict(self) -> dict[str, Any]:
        """Adam's, of s_t."""
        return self._adam.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up what `state_dict` returned."""
        self._adam.load_state_dict(state)
