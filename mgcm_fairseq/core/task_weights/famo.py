"""FAMO: weights by which all losses fall at the same relative rate (Liu et al., NeurIPS 2023, arXiv 2306.03792)."""

from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.core.task_weights.adam import Adam
from mgcm_fairseq.core.task_weights.weighting import Settled

RATE, DECAY = 0.025, 0.01
"""beta and gamma: those of the authors' code, which also takes steps of Adam."""


class Famo:
    """Algorithm 1: w_t is proportional to z_t / L_t with z = softmax(xi), and xi follows how the logarithms fell.

    xi <- xi - beta (J d + gamma xi), where d_t is the fall of log L_t in an update and J the derivative of z. Two
    departures keep it free: d_t is between the losses of two updates, not of one batch before and behind the update,
    which takes a second forward pass; and L_t in w_t is the last update's, so that weights are the same in all
    micro-batches and on all workers. The weights' sum is T, as that of constant weights 1; in the paper it is 1.
    """

    def __init__(self, tasks: int) -> None:
        self._adam = Adam(tasks)
        self.weights = torch.ones(tasks, dtype=torch.float64)
        self._before_T: Tensor | None = None  # losses of the last update

    def settle(self, update: Settled) -> None:
        """One step of Adam from the second update on."""
        losses_T = update.losses
        if self._before_T is not None:
            fall_T = self._before_T.to(losses_T.device).log() - losses_T.log()
            z_T = torch.softmax(self._adam.values.to(losses_T.device), 0)
            gradient_T = z_T * (fall_T - (z_T * fall_T).sum())
            self._adam.step(gradient_T + DECAY * self._adam.values.to(losses_T.device), RATE)
        share_T = torch.softmax(self._adam.values.to(losses_T.device), 0) / losses_T
        weights_T = len(share_T) * share_T / share_T.sum()
        known = weights_T.isfinite().all()
        self.weights = weights_T.where(known, self.weights.to(losses_T.device))
        before_T = losses_T if self._before_T is None else self._before_T.to(losses_T.device)
        self._before_T = losses_T.where(known, before_T)

    def state_dict(self) -> dict[str, Any]:
        """Adam's, of xi; the weights; the losses of the last update."""
        before = None if self._before_T is None else self._before_T.cpu()
        return {"adam": self._adam.state_dict(), "weights": self.weights.cpu(), "before": before}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up what `state_dict` returned."""
        self._adam.load_state_dict(state["adam"])
        self.weights, self._before_T = state["weights"], state["before"]
