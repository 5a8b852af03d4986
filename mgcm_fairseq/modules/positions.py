"""Sinusoidal positions (Vaswani et al. 2017, section 3.5), counted from 0 at the first frame or token."""

import math

import torch
from torch import Tensor, nn


class SinusoidalPositions(nn.Module):
    """Adds position vectors; batches are right-padded, so a position does not depend on the padding."""

    table: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("table", self._build(1024), persistent=False)

    def forward(self, x_BTD: Tensor, start: int = 0) -> Tensor:
        """x + position vectors of start ... start + T - 1."""
        end = start + x_BTD.size(1)
        if end > self.table.size(0):
            self.table = self._build(2 * end).to(self.table)
        return x_BTD + self.table[start:end].to(x_BTD)

    def _build(self, size: int) -> Tensor:
        half = self.dim // 2
        rate = torch.exp(torch.arange(half) * -(math.log(10_000.0) / (half - 1)))
        angle = torch.arange(size).unsqueeze(1) * rate
        return torch.cat([angle.sin(), angle.cos()], dim=1)
