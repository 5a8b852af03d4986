"""Dynamic weight average: what learns slowly gets more weight (DWA, Liu, Johns and Davison 2019, arXiv 1803.10704)."""

from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.core.task_weights.weighting import Settled

TEMPERATURE = 2.0
"""The paper's."""


class DynamicAverage:
    """Eq. 7: w_t = T softmax_t(r_t / 2), where r_t = L_t(i - 1) / L_t(i - 2) are the mean losses of two intervals.

    An interval is an epoch in the paper. In the first two all weights are 1.
    """

    def __init__(self, tasks: int, interval: int) -> None:
        """`interval`: in updates."""
        self.interval = interval
        self.weights = torch.ones(tasks, dtype=torch.float64)
        self._before_T: Tensor | None = None  # mean losses of the last whole interval
        self._sums_2T = torch.zeros(2, tasks, dtype=torch.float64)  # of this one: losses, and how many there were

    def settle(self, update: Settled) -> None:
        """Adds the losses; at an interval's end weighs anew."""
        losses_T = update.losses
        known_T = losses_T.isfinite()
        self._sums_2T = self._sums_2T.to(losses_T.device) + torch.stack([losses_T.where(known_T, 0.0), known_T])
        if update.number % self.interval:
            return
        mean_T = self._sums_2T[0] / self._sums_2T[1]
        if self._before_T is not None:
            ratio_T = mean_T / self._before_T.to(mean_T.device)
            weights_T = len(ratio_T) * torch.softmax(ratio_T / TEMPERATURE, 0)
            self.weights = weights_T.where(weights_T.isfinite().all(), self.weights.to(weights_T.device))
        self._before_T, self._sums_2T = mean_T, torch.zeros_like(self._sums_2T)

    def state_dict(self) -> dict[str, Any]:
        """Weights, the sums of this interval, and the means of the one before."""
        before = None if self._before_T is None else self._before_T.cpu()
        return {"weights": self.weights.cpu(), "before": before, "sums": self._sums_2T.cpu()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up what `state_dict` returned."""
        self.weights, self._before_T, self._sums_2T = state["weights"], state["before"], state["sums"]
