"""Task weights that follow the tasks' losses: they stay on the device, and change in every update."""

from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict import Report
from mgcm_fairseq.core.task_weights import LossWeighting, Settled
from mgcm_fairseq.training.loss_sums import LossSums


class ByLosses:
    """Sums the losses of an update and hands their means to a weighting."""

    def __init__(self, tasks: int, weighting: LossWeighting, interval: int) -> None:
        """`interval`: updates between two records of the weights, which the host reads then."""
        self._tasks = tasks
        self._weighting = weighting
        self._interval = interval
        self._losses = LossSums()

    def on(self, device: torch.device) -> Tensor:
        """(T,) float64 weights on the device."""
        weights_T = self._weighting.weights
        if device.type == "cuda" and weights_T.device.type == "cpu":  # drawn: a copy of pinned memory waits for nothing
            weights_T = weights_T.pin_memory()
        return weights_T.to(device, non_blocking=True)

    def off(self) -> frozenset[str]:
        """None ever is."""
        return frozenset()

    def begin(self) -> None:
        """Forgets an update that came to nothing."""
        self._losses.begin()

    def note(self, losses_T: Tensor, weights_T: Tensor, tokens_T: Tensor, report: Report | None) -> None:
        """Adds a batch."""
        self._losses.add(losses_T, tokens_T)

    def settle(self, number: int, rate: float, batches: int, device: torch.device) -> bool:
        """Ends an update; whether the host is to read the new weights."""
        self._weighting.settle(Settled(self._losses.settle(self._tasks, device), number, rate))
        return number % self._interval == 0

    def state_dict(self) -> dict[str, Any]:
        """The weighting's."""
        return self._weighting.state_dict()

    def load_state_dict(self, state: dict[str, Any], origin: str) -> None:
        """Takes up what `state_dict` returned."""
        self._weighting.load_state_dict(state)
