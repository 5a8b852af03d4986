"""Positions: sinusoidal, counted from 0 at the first frame or token, or rotary, which tell distances alone."""

import math
from functools import lru_cache

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
        end, table = start + x_BTD.size(1), self.table  # read once: another thread may put a smaller one there
        if end > table.size(0):
            self.table = table = self._build(2 * end).to(table)
        return x_BTD + table[start:end].to(x_BTD)

    def _build(self, size: int) -> Tensor:
        half = self.dim // 2
        rate = torch.exp(torch.arange(half) * -(math.log(10_000.0) / (half - 1)))
        angle = torch.arange(size).unsqueeze(1) * rate
        return torch.cat([angle.sin(), angle.cos()], dim=1)


class RotaryPositions(nn.Module):
    """Turns queries and keys by angles that grow with their positions (Su et al. 2021, arXiv 2104.09864, section 3.2).

    Their product depends on the distance alone, so that attention does not change where all positions move together.
    """

    turns: Tensor  # (2, T, D / 2): cosines and sines, in one buffer, so that threads see both of one size

    def __init__(self, dim: int) -> None:
        """`dim`: of a head, an even number; ValueError for an odd one."""
        super().__init__()
        if dim % 2:
            raise ValueError(f"rotary positions: expected heads of even size, found {dim}.")
        self.dim = dim
        self.register_buffer("turns", turns(dim, 0, 1024), persistent=False)

    def forward(self, x_BHTD: Tensor, start: int = 0) -> Tensor:
        """x at positions start ... start + T - 1."""
        cosines, sines = self._turns(start, start + x_BHTD.size(2), x_BHTD)
        first, second = x_BHTD.chunk(2, 3)
        return torch.cat([first * cosines - second * sines, second * cosines + first * sines], 3)

    def _turns(self, start: int, end: int, like: Tensor) -> Tensor:
        """Those of positions far from 0, which speech without end reaches, are made for the layers of a step alone."""
        turns_2TD = self.turns  # read once: another thread may put a smaller one there
        if start and end > turns_2TD.size(1):
            return far_turns(self.dim, start, end, like.dtype, like.device)
        if end > turns_2TD.size(1):
            self.turns = turns_2TD = turns(self.dim, 0, 2 * end).to(turns_2TD)
        return turns_2TD[:, start:end].to(like)


def turns(dim: int, start: int, end: int) -> Tensor:
    """(2, T, D / 2) in fp64: cosines and sines of the angles of positions start ... end - 1."""
    rate = 10_000.0 ** -(torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angle = torch.arange(start, end, dtype=torch.float64).unsqueeze(1) * rate
    return torch.stack([angle.cos(), angle.sin()])


@lru_cache(maxsize=64)  # streams that run beside each other each have their own positions
def far_turns(dim: int, start: int, end: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The same as queries and keys need them. Every layer asks for those of a step, twice; nobody may change them."""
    with torch.inference_mode(False):  # else a later pass could take no gradients through them
        return turns(dim, start, end).to(device, dtype)
