"""Random loss weighting: weights that follow nothing, the baseline for all others (Lin et al. 2022, RLW)."""

import math
import random
from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.core.task_weights.weighting import Settled


class RandomWeights:
    """arXiv 2111.10603: w = T softmax(z), z drawn from N(0, I) for each update. In the paper the sum is 1, here T.

    The draw follows from (seed, number of updates done), so that it is equal on all workers and in a resumed training.
    """

    def __init__(self, tasks: int, seed: int) -> None:
        self._tasks, self._seed = tasks, seed
        self._done = 0  # updates

    @property
    def weights(self) -> Tensor:
        """(T,) float64."""
        draw = random.Random(f"{self._seed}/{self._done}")
        powers = [math.exp(draw.gauss(0.0, 1.0)) for _ in range(self._tasks)]
        return torch.tensor(powers, dtype=torch.float64) * (self._tasks / sum(powers))

    def settle(self, update: Settled) -> None:
        """Moves on to the next draw."""
        self._done = update.number

    def state_dict(self) -> dict[str, Any]:
        """The number of updates done."""
        return {"done": self._done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up what `state_dict` returned."""
        self._done = state["done"]
