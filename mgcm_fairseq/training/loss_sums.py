"""Losses of an update, summed on the device over its micro-batches and workers. T tasks."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.training.workers import summed


def tokens_of(tasks: Sequence[str], log: Mapping[str, Any], like: Tensor) -> Tensor:
    """(T,) float64 target tokens of each task in a batch, by what its criterion logs; 0 for a task that is off."""
    zero = like.new_zeros((), dtype=torch.float64)
    return torch.stack([log[f"{task}_tokens"].double() if f"{task}_tokens" in log else zero for task in tasks])


class LossSums:
    """Batches with a loss that is not finite are left out."""

    def __init__(self) -> None:
        self._sums_2T: Tensor | None = None  # losses and tokens

    def begin(self) -> None:
        """Forgets an update that came to nothing."""
        self._sums_2T = None

    def add(self, losses_T: Tensor, tokens_T: Tensor) -> None:
        """Adds a batch: summed losses and the tokens that they are of."""
        known = losses_T.isfinite().all()
        batch_2T = torch.stack([losses_T.double(), tokens_T]).where(known, 0.0)
        self._sums_2T = batch_2T if self._sums_2T is None else self._sums_2T + batch_2T

    def settle(self, tasks: int, device: torch.device) -> Tensor:
        """(T,) mean losses of the update for each token, the same on every worker; nan without a token."""
        sums_2T = torch.zeros(2, tasks, dtype=torch.float64, device=device) if self._sums_2T is None else self._sums_2T
        self._sums_2T = None
        losses_T, tokens_T = summed(sums_2T)
        return losses_T / tokens_T
