"""A large gradient in few numbers whose inner products are nearly the gradients' own: a CountSketch."""

import hashlib

import torch
from torch import Tensor

SIZE = 4096
"""Numbers in a sketch: the error of a cosine C has a standard deviation of (1 - C^2) / sqrt(4096), at most 0.016."""

_AT_ONCE = 1 << 20  # elements for which random numbers are held at a time


def count_sketch(gradient: Tensor, name: str) -> Tensor:
    """(SIZE,) in float64: each element, with a random sign, is added to one of SIZE sums (Charikar et al. 2002).

    Args:
        gradient: of one parameter.
        name: the parameter's, which seeds signs and sums: all of its gradients have the same.
    """
    digest = hashlib.sha256(name.encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    sketch = torch.zeros(SIZE, dtype=torch.float64)
    flat = gradient.detach().reshape(-1)
    for start in range(0, len(flat), _AT_ONCE):
        part = flat[start:start + _AT_ONCE]
        drawn = torch.randint(2 * SIZE, (len(part),), generator=generator)
        sketch.index_add_(0, drawn % SIZE, torch.where(drawn < SIZE, part, -part).double())
    return sketch
