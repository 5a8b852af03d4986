"""What no worker has a gradient for in an update stays as it is: its weights and what the optimizer remembers of it.

A part that joins later (--segment-from, --freeze-front-end-updates) or that LayerDrop leaves out has none. One worker
in fp32 passes over it. But --ddp-backend legacy_ddp, and fairseq's fp32 copies of weights in half precision, have zeros
in place of a gradient that is absent: Adam would count the step and decay the weights.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from fairseq.distributed import utils as distributed
from torch import Tensor, nn


class Reached:
    """Which parameters a gradient has reached in this update, on this worker and in the end on all."""

    def __init__(self) -> None:
        self._here: list[bool] = []
        self._known: tuple[nn.Module, list[Tensor]] | None = None

    def begin(self, model: nn.Module) -> bool:
        """To be called before each micro-batch; whether it is the first of an update, or of one begun again."""
        parameters = self._parameters(model)
        first = all(parameter.grad is None for parameter in parameters)
        if first:
            self._here = [False] * len(parameters)
        return first

    def note(self, model: nn.Module) -> None:
        """To be called behind the backward pass of each micro-batch that counts."""
        self._here = [parameter.grad is not None for parameter in self._parameters(model)]

    @contextmanager
    def alone(self, optimizer: Any, model: nn.Module) -> Iterator[None]:
        """Around the optimizer's step: it changes what was reached on any worker, and nothing else."""
        parameters = self._parameters(model)
        anywhere = self._anywhere(parameters[0].device)
        absent = [parameter for parameter, reached in zip(parameters, anywhere, strict=True) if not reached]
        for parameter in absent:
            parameter.grad = None
        copies = getattr(optimizer, "fp32_params", None)
        if isinstance(copies, dict):
            with _kept(optimizer, copies, absent):
                yield
            return
        if copies is not None:
            for parameter, copy in zip(optimizer.fp16_params, copies, strict=True):
                if parameter.grad is None:
                    copy.grad = None
        yield

    def _parameters(self, model: nn.Module) -> list[Tensor]:
        """The model's, listed once: to walk through its modules takes the host longer than to ask for the gradients."""
        if self._known is None or self._known[0] is not model:
            self._known = model, list(model.parameters())
        return self._known[1]

    def _anywhere(self, device: torch.device) -> list[bool]:
        if not torch.distributed.is_initialized() or distributed.get_data_parallel_world_size() == 1:
            return self._here
        reached = torch.tensor(self._here, dtype=torch.int32, device=device)
        torch.distributed.all_reduce(reached, torch.distributed.ReduceOp.MAX, distributed.get_data_parallel_group())
        return [bool(one) for one in reached.tolist()]


@contextmanager
def _kept(optimizer: Any, copies: dict[Any, Tensor], absent: Sequence[Tensor]) -> Iterator[None]:
    """Puts absent parameters back in flat fp32 copies, one for each device, and in the optimizer's state of those.

    A number of steps, which the optimizer keeps once for all, counts on: --fp16-no-flatten-grads gives each its own.
    """
    missing = set(map(id, absent))
    saved: list[tuple[Tensor, Tensor]] = []
    parts: list[tuple[Tensor, Tensor]] = []  # each absent parameter and its fp32 copy
    for device, flat in copies.items():
        offset = 0
        state = [value for value in optimizer.optimizer.state.get(flat, {}).values()
                 if isinstance(value, Tensor) and (value.shape, value.dtype) == (flat.shape, flat.dtype)]
        for parameter in optimizer.fp16_params:
            if parameter.device.index != device:
                continue
            span = slice(offset, offset + parameter.numel())
            offset = span.stop
            if id(parameter) in missing:
                parts.append((parameter, flat.data[span]))
                saved += [(values[span], values[span].clone()) for values in (flat.data, *state)]
    yield
    for values, before in saved:
        values.copy_(before)
    for parameter, part in parts:
        parameter.data.copy_(part.view_as(parameter))
