"""How many operators a step calls, and how often Python waits for a value."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Operators(TorchDispatchMode):
    """Counts operators other than views, and reads of a tensor's value by Python (`.item()`, `if` on a tensor).

    Every such read would make a GPU wait. A fake tensor has no value: it is answered 1, or True.
    """

    def __init__(self, fake: bool) -> None:
        super().__init__()
        self.fake = fake
        self.kernels = self.host_syncs = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Counts the operator and runs it."""
        if func is torch.ops.aten._local_scalar_dense.default:
            self.host_syncs += 1
            if self.fake:
                return True if args[0].dtype == torch.bool else 1
        elif func.namespace == "aten" and not func.is_view:
            self.kernels += 1
        return func(*args, **(kwargs or {}))
