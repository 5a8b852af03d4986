"""The arithmetic that per-task gradients need, whatever computes them, over that of the plain sum of losses."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mgcm_fairseq.benchmarks.conflict.workload import Workload
from mgcm_fairseq.core.conflict import PLAIN, Groups
from mgcm_fairseq.training.config import SCOPES


class Floor(NamedTuple):
    """FLOPs (matrix products, convolutions, attention) of a step over those of a plain step."""

    all: float  # one backward pass a task through everything
    above: float  # the same, but the front end is gone through once

    def of(self, method: str) -> float:
        """The floor of a method's step."""
        return {"plain": 1.0, "streamed_above": self.above, "noise_aware_above": self.above}.get(method, self.all)


def floor(workload: Workload) -> Floor:
    """Counts on the workload's graph; works on fake tensors."""
    groups = Groups(workload.network, scope=SCOPES["above-front-end"])
    everything: list[Tensor] = list(workload.parameters)
    above = [parameter for parameter in everything if groups.of(parameter) is not None]
    made: list[list[Tensor]] = []
    forward = _flops(lambda: made.append(list(workload.losses(PLAIN).values())))
    losses = made[0]
    total = [torch.stack(losses).sum()]

    def backward(outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> int:
        return sum(_flops(partial(torch.autograd.grad, output, inputs, retain_graph=True, allow_unused=True))
                   for output in outputs)

    plain = forward + backward(total, everything)
    front_end_once = backward(total, everything) - backward(total, above)
    return Floor((forward + backward(losses, everything)) / plain,
                 (forward + backward(losses, above) + front_end_once) / plain)


def _flops(run: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()
