"""The halves of a batch in a training step, for a rule that reads half gradients.

A batch is sorted by length; every second utterance belongs to the second half, so that both have long and short ones.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict import Stash, Streamed
from mgcm_fairseq.data.batch import Batch
from mgcm_fairseq.training.noise_floor import rows
from mgcm_fairseq.training.task_weights import TaskWeights

_OF_THE_WHOLE = ("ntokens", "nsentences", "sample_size")


def joined_loss(engine: Stash | Streamed, weights: TaskWeights, criterion: Any, model: Any, batch: Batch,
                tasks: Sequence[str]) -> tuple[Tensor, int, dict[str, Any]]:
    """A forward pass with the engine: its loss, the number of ST target tokens, and what to log.

    The streamed engine cuts the batch stage by stage. The stash engine, which knows no stages, gets the losses of two
    passes with half of the batch each.
    """
    if not engine.merger.rule.halves:
        losses, sample_size, log = criterion.by_task(model, batch, engine.streams(), tasks)
        return engine.join(weights.weigh(losses)), sample_size, log
    if isinstance(engine, Streamed):
        losses, sample_size, log = criterion.by_task(model, first_half_first(batch), engine.streams(), tasks)
        return engine.join(weights.weigh(losses)), sample_size, log
    size = batch["nsentences"]
    halves = [rows(batch, slice(first, None, 2), size) for first in range(min(size, 2))]
    passes = [criterion.by_task(model, half, engine.streams(), tasks) for half in halves]
    weighted = [weights.weigh(losses) for losses, *_ in passes]
    (losses, sample_size, log), *others = passes
    for more, _, log_of_more in others:
        losses = {task: loss.detach() + more[task].detach() for task, loss in losses.items()}
        log = {name: value if name in _OF_THE_WHOLE else value + log_of_more[name] for name, value in log.items()}
    weights.weigh(losses)  # which they remember, whole
    return engine.join(*weighted), sample_size, log


def first_half_first(batch: Batch) -> Batch:
    """The batch with every second utterance behind all others."""
    return _in_order(batch, batch["nsentences"])


def _in_order(part: Any, size: int) -> Any:
    if isinstance(part, dict):
        return {name: _in_order(value, size) for name, value in part.items()}
    if isinstance(part, Tensor) and part.dim() and part.size(0) == size:
        return torch.cat([part[::2], part[1::2]])
    if isinstance(part, list) and len(part) == size:
        return part[::2] + part[1::2]
    return part
