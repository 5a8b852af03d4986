"""The work of some code: operators, their floating point operations, and bytes that they read and write."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count


def _attention(query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> int:
    return sdpa_flop_count(query.shape, key.shape, value.shape)


def _attention_backward(cotangent: Tensor, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> int:
    return sdpa_backward_flop_count(cotangent.shape, query.shape, key.shape, value.shape)


FORMULAS: dict[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}
"""Operator -> its FLOPs, for those that PyTorch counts on a GPU only."""


class Work(TorchDispatchMode):
    """PyTorch's FlopCounterMode fails where a backward pass begins another."""

    def __init__(self) -> None:
        super().__init__()
        self.operators = self.flops = self.touched = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs the operator and counts it; a view costs nothing."""
        answer = func(*args, **(kwargs or {}))
        operator = func._overloadpacket
        if operator in FORMULAS:
            self.flops += FORMULAS[operator](*args, **(kwargs or {}))
        elif operator in flop_registry:
            self.flops += flop_registry[operator](*args, **(kwargs or {}), out_val=answer)
        if func.namespace == "aten" and not func.is_view:
            self.operators += 1
            self.touched += sum(tensor.nbytes for tensor in tree_iter((args, kwargs, answer))
                                if isinstance(tensor, Tensor))
        return answer
