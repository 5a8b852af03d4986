"""Sharing gradients between data-parallel workers before a rule judges them."""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor


class Workers:
    """The workers of one process group, whose average gradient is the gradient of the concatenated batch."""

    def __init__(self, group: dist.ProcessGroup | None = None) -> None:
        self.group = group

    def average(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The tensors' means over all workers, in one all-reduce for each type; the same list on every worker.

        Divides before it sums, so that half precision does not overflow where the mean does not.
        """
        shared: list[Tensor] = list(tensors)
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            positions = [index for index, tensor in enumerate(tensors) if tensor.dtype == dtype]
            flat = torch.cat([tensors[index].reshape(-1) for index in positions]).div_(dist.get_world_size(self.group))
            dist.all_reduce(flat, group=self.group)
            parts = torch.split(flat, [tensors[index].numel() for index in positions])
            for index, part in zip(positions, parts, strict=True):
                shared[index] = part.view_as(tensors[index])
        return shared
