"""Adam on one number a task: gradients are known in closed form, and no value is read back from the device."""

from typing import Any

import torch
from torch import Tensor

_BETAS, _EPSILON = (0.9, 0.999), 1e-8  # the paper's


class Adam:
    """Algorithm 1 of Kingma and Ba 2015 (arXiv 1412.6980), from zero. T tasks."""

    def __init__(self, tasks: int) -> None:
        self.values = torch.zeros(tasks, dtype=torch.float64)
        self._moments_2T = torch.zeros(2, tasks, dtype=torch.float64)
        self._steps = 0

    def step(self, gradient_T: Tensor, rate: float) -> None:
        """Moves the values by about `rate` against the gradient; those whose gradient is not finite stay."""
        known_T = gradient_T.isfinite()
        values_T, moments_2T = self.values.to(gradient_T.device), self._moments_2T.to(gradient_T.device)
        self._steps += 1
        powers_2T = torch.stack([gradient_T, gradient_T.square()])
        parts = [beta * moment_T + (1 - beta) * power_T
                 for beta, moment_T, power_T in zip(_BETAS, moments_2T, powers_2T, strict=True)]
        first_T, second_T = (part / (1 - beta**self._steps) for beta, part in zip(_BETAS, parts, strict=True))
        moved_T = values_T - rate * first_T / (second_T.sqrt() + _EPSILON)
        self.values = torch.where(known_T, moved_T, values_T)
        self._moments_2T = torch.where(known_T, torch.stack(parts), moments_2T)

    def state_dict(self) -> dict[str, Any]:
        """Values, moments, and the number of steps."""
        return {"values": self.values.cpu(), "moments": self._moments_2T.cpu(), "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up what `state_dict` returned."""
        self.values, self._moments_2T, self._steps = state["values"], state["moments"], state["steps"]
