"""Positions: sinusoidal, counted from 0 at the first frame or token, or rotary, which tell distances alone."""

import math

import torch
from torch import Tensor, nn


class SinusoidalPositions(nn.Module):
    """Adds position vectors (Vaswani et al. 2017, section 3.5); batches are right-padded, so a position does not depend
    on the padding.
    """

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


class RotaryPositions(nn.Module):
    """Turns queries and keys by angles that grow with their positions (Su et al. 2021, arXiv 2104.09864, section 3.2).

    Their product depends on the distance alone, so that attention does not change where all positions move together.
    """

    cosines: Tensor
    sines: Tensor

    def __init__(self, dim: int) -> None:
        """`dim`: of a head, an even number; ValueError for an odd one."""
        super().__init__()
        if dim % 2:
            raise ValueError(f"rotary positions: expected heads of even size, found {dim}.")
        self.dim = dim
        for name, table in zip(("cosines", "sines"), self._build(0, 1024), strict=True):
            self.register_buffer(name, table, persistent=False)

    def forward(self, x_BHTD: Tensor, start: int = 0) -> Tensor:
        """x at positions start ... start + T - 1."""
        cosines, sines = (table.to(x_BHTD) for table in self._tables(start, start + x_BHTD.size(2)))
        first, second = x_BHTD.chunk(2, 3)
        return torch.cat([first * cosines - second * sines, second * cosines + first * sines], 3)

    def _tables(self, start: int, end: int) -> tuple[Tensor, Tensor]:
        """Those of positions far from 0, which speech without end reaches, are made anew."""
        if start and end > self.cosines.size(0):
            return self._build(start, end)
        if end > self.cosines.size(0):
            cosines, sines = self._build(0, 2 * end)
            self.sines = sines.to(self.sines)  # first, since another thread may look at the size of the other
            self.cosines = cosines.to(self.cosines)
        return self.cosines[start:end], self.sines[start:end]

    def _build(self, start: int, end: int) -> tuple[Tensor, Tensor]:
        rate = 10_000.0 ** -(torch.arange(0, self.dim, 2, dtype=torch.float64) / self.dim)
        angle = torch.arange(start, end, dtype=torch.float64).unsqueeze(1) * rate
        return angle.cos(), angle.sin()
