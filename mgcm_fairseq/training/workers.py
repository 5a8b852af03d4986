"""Sums over all workers of a training."""

import torch
from fairseq.distributed import utils as distributed
from torch import Tensor


def summed(values: Tensor) -> Tensor:
    """The sum over all workers, in place; the values themselves for one worker alone."""
    if torch.distributed.is_initialized() and distributed.get_data_parallel_world_size() > 1:
        torch.distributed.all_reduce(values, group=distributed.get_data_parallel_group())
    return values
