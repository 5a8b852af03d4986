"""Memory and arithmetic of one training step, counted on the device "meta": real network and batch, nothing computed.
"""

from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from mgcm_fairseq.measuring.live_bytes import LiveBytes
from mgcm_fairseq.measuring.operators import Operators
from mgcm_fairseq.measuring.work import Work
from mgcm_fairseq.recipes.operators import operators_of

LATE = 1_000_001  # updates: every part of the schedule has set in, and no record of conflicts is due


class StepCost(NamedTuple):
    """Of forward and backward of one batch."""

    peak_bytes: int  # activations and gradients, at their most, without the weights
    flops: int  # of matrix products, convolutions and attention


class MetaTraining:
    """Training steps of a task in which nothing is computed."""

    def __init__(self, task: Any, model: Any, criterion: Any, dtype: torch.dtype, gpu: bool) -> None:
        """Takes the model, which it moves to the device "meta" in `dtype`; the task with or without a rule.

        Args:
            gpu: count what a GPU keeps for the backward pass, not what a CPU does.
        """
        self.task, self.criterion, self.dtype, self.gpu = task, criterion, dtype, gpu
        self.model = model.to("meta", dtype)
        for module in model.modules():
            for name, value in vars(module).items():
                if isinstance(value, Tensor):  # as the product of weight norm's two parts
                    setattr(module, name, value.detach().to("meta", dtype if value.is_floating_point() else None))
        front_end = self.model.network.encoder.front_end
        if front_end.layer_drop:
            front_end.keep_all_layers()  # the most is counted

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def cost(self, batch: dict[str, Any]) -> StepCost:
        """Of a batch that the task's dataset collated."""
        on_meta = tree_map_only(Tensor, lambda tensor: tensor.to("meta"), batch)
        on_meta["language"] = batch["language"]  # which decides how many rows a private part has
        on_meta["net_input"]["src_tokens"] = on_meta["net_input"]["src_tokens"].to(self.dtype)
        weights = list(self.model.parameters())
        optimizer = SimpleNamespace(backward=lambda loss: loss.backward())
        with operators_of(self.gpu), LiveBytes(weights) as memory, Work() as work, Operators(fake=True):
            self.task.train_step(on_meta, self.model, self.criterion, optimizer, LATE)
        for weight in weights:
            weight.grad = None
        return StepCost(memory.peak - sum(weight.nbytes for weight in weights), work.flops)
