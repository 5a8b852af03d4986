"""A training step on the weighted sum of the tasks' losses, without an engine: --task-weights with no rule."""

from typing import Any

import torch
from fairseq.optim.amp_optimizer import AMPOptimizer
from torch import Tensor

from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.data.batch import Batch
from mgcm_fairseq.training.preconditions import check_unused
from mgcm_fairseq.training.task_weights import TaskWeights


class WeightedStep:
    """Takes the place of forward and backward in a training step; everything else stays fairseq's."""

    def __init__(self, weights: TaskWeights) -> None:
        self.weights = weights
        self._begun = False

    def run(self, batch: Batch, model: Any, criterion: Any, optimizer: Any, update: int,
            ignore_grad: bool) -> tuple[Tensor, int, dict[str, Any]]:
        """Forward and backward; gradients of a batch to ignore are zero."""
        model.train()
        if not self._begun:
            check_unused(self.weights.cfg, model)
            self.weights.of(criterion.tasks)
            self._begun = True
        model.set_num_updates(update)
        tasks = self.weights.to_run(update)
        with torch.autocast("cuda", torch.float16, enabled=isinstance(optimizer, AMPOptimizer)):
            losses, sample_size, log = criterion.by_task(model, batch, PLAIN, tasks)
            loss = torch.stack(list(self.weights.weigh(losses).values())).sum()
        optimizer.backward(loss * 0 if ignore_grad else loss)
        if not ignore_grad:
            self.weights.note(log)
        return loss.detach(), sample_size, log
