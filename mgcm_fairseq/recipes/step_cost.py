"""Memory and arithmetic of one training step, counted on fake tensors: the real network and batch, nothing computed."""

from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_map_only

from mgcm_fairseq.evaluation.conflict_benchmark.live_bytes import LiveBytes
from mgcm_fairseq.evaluation.conflict_benchmark.operators import Operators
from mgcm_fairseq.evaluation.scaling.work import Work

LATE = 1_000_001  # updates: every part of the schedule has set in, and no record of conflicts is due


class StepCost(NamedTuple):
    """Of forward and backward of one batch."""

    peak_bytes: int  # activations and gradients, at their most, without the weights
    flops: int  # of matrix products, convolutions and attention


class FakeTraining:
    """Training steps of a task in which nothing is computed."""

    def __init__(self, task: Any, model: nn.Module, criterion: Any, dtype: torch.dtype) -> None:
        """Takes the model, whose weights it replaces by fake ones of `dtype`; the task with or without a rule."""
        self.task, self.model, self.criterion, self.dtype = task, model.to(dtype), criterion, dtype
        self.mode = FakeTensorMode()
        _make_fake(self.model, self.mode)

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def cost(self, batch: dict[str, Any]) -> StepCost:
        """Of a batch that the task's dataset collated."""
        sample = tree_map_only(Tensor, self.mode.from_tensor, batch)
        sample["net_input"]["src_tokens"] = sample["net_input"]["src_tokens"].to(self.dtype)
        weights = list(self.model.parameters())
        optimizer = SimpleNamespace(backward=lambda loss: loss.backward())
        with self.mode, LiveBytes(weights) as memory, Work() as work, Operators(fake=True):
            self.task.train_step(sample, self.model, self.criterion, optimizer, LATE)
        for weight in weights:
            weight.grad = None
        return StepCost(memory.peak - sum(weight.nbytes for weight in weights), work.flops)


def _make_fake(model: nn.Module, mode: FakeTensorMode) -> None:
    """Puts a fake tensor in the place of every parameter, buffer and other tensor of a module."""
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(mode.from_tensor(parameter.data)))
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, mode.from_tensor(buffer))
        for name, value in vars(module).items():
            if isinstance(value, Tensor):  # as the product of weight norm's two parts
                setattr(module, name, mode.from_tensor(value.detach()))
