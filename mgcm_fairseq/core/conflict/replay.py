"""Running a stage once more in the backward pass, as it ran in the forward pass and without a second effect."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase


class ForwardState:
    """The random numbers and the autocast setting of a forward pass, for its repetition."""

    def __init__(self, calls: Sequence[Sequence[Any]]) -> None:
        devices = {part.device for call in calls for part in call if isinstance(part, Tensor)}
        self.device_type = next((device.type for device in devices if device.type != "cpu"), "cpu")
        self.devices = [device for device in devices if device.type == "cuda"]
        self.cpu = torch.get_rng_state()
        self.cuda = [torch.cuda.get_rng_state(device) for device in self.devices]
        self.autocast = torch.is_autocast_enabled(self.device_type)
        self.autocast_dtype = torch.get_autocast_dtype(self.device_type)

    @contextmanager
    def restored(self) -> Iterator[None]:
        """The saved state holds inside; afterwards the present one does again."""
        with torch.random.fork_rng(self.devices):
            torch.set_rng_state(self.cpu)
            for device, state in zip(self.devices, self.cuda, strict=True):
                torch.cuda.set_rng_state(state, device)
            with torch.autocast(self.device_type, self.autocast_dtype, self.autocast):
                yield


class StatisticsKept:
    """Inside, norms of a stage count the batch on copies of their statistics, for it was counted before.

    They are copies, since a checkpoint expects that its repetition saves as many tensors as the forward pass did.
    """

    def __init__(self, stage: Callable[..., Any]) -> None:
        self._stage = stage
        self._kept: list[tuple[_NormBase, dict[str, Tensor | None]]] = []

    def __enter__(self) -> None:
        self._kept = [(module, dict(module._buffers)) for module in modules_of(self._stage)
                      if isinstance(module, _NormBase) and module.training and module.track_running_stats]
        for norm, buffers in self._kept:
            norm._buffers.update({name: None if buffer is None else buffer.clone() for name, buffer in buffers.items()})

    def __exit__(self, *error: object) -> None:
        for norm, buffers in self._kept:
            norm._buffers.update(buffers)


def modules_of(stage: Any, seen: frozenset[int] = frozenset()) -> list[nn.Module]:
    """The modules that a stage is made of: a module, a method of one, a partial or a function that holds some."""
    if isinstance(stage, nn.Module):
        return list(stage.modules())
    if id(stage) in seen:
        return []
    if isinstance(stage, partial):
        held = [stage.func, *stage.args, *stage.keywords.values()]
    elif isinstance(stage, (list, tuple)):
        held = list(stage)
    else:
        cells = [cell.cell_contents for cell in getattr(stage, "__closure__", None) or ()]
        held = [getattr(stage, "__self__", None), *cells]
    return [module for part in held if callable(part) or isinstance(part, (list, tuple))
            for module in modules_of(part, seen | {id(stage)})]
