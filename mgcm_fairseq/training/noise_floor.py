"""The noise floor of conflicts: how often the primary task's gradients on two halves of one batch oppose each other.

A batch is sorted by length; every second utterance belongs to the second half, so that both have long and short ones.
"""

import copy
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mgcm_fairseq.core.conflict import PLAIN, Groups, Report, make_rule
from mgcm_fairseq.core.conflict.layout import Gradients
from mgcm_fairseq.core.conflict.merge import Merger
from mgcm_fairseq.data.batch import Batch
from mgcm_fairseq.modules.simul_st import ctc_task
from mgcm_fairseq.training.parts import Parts


class NoiseCosines(NamedTuple):
    """CosSim of the two halves' gradients; None where one is absent."""

    groups: list[float | None]
    parts: list[float | None]  # of the whole gradient of each of PARTS


class NoiseFloor:
    """Measures beside the training, on one worker's batch: leaves gradients and random numbers as they were."""

    def __init__(self, network: nn.Module, groups: Groups, model: Any, criterion: Any) -> None:
        self.network = network
        self.groups = groups
        self._parts = Parts(groups)
        self.model = model
        self.criterion = copy.copy(criterion)  # of the primary task alone
        self.criterion.tasks = criterion.tasks[:1]
        self._ctc_weight = criterion.ctc_weight

    def cosines(self, batch: Batch, tasks: Sequence[str]) -> NoiseCosines | None:
        """The floor while these tasks are on; None for a batch of one."""
        size = batch["nsentences"]
        if size < 2:
            return None
        parameters: list[Tensor] = [one for one in self.network.parameters() if one.requires_grad]
        device = parameters[0].device
        self.criterion.ctc_weight = self._ctc_weight if ctc_task(tuple(tasks)) == self.criterion.tasks[0] else 0.0
        gradients: list[Gradients] = []
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            for half in (slice(0, size // 2 * 2, 2), slice(1, size // 2 * 2, 2)):
                [primary] = self.criterion.by_task(self.model, rows(batch, half, size), PLAIN)[0].values()
                gradients.append(list(torch.autograd.grad(primary, parameters, allow_unused=True)))
        report = Report(("first half", "second half"))
        Merger(self.groups, make_rule("sum")).merge(parameters, gradients, report, step=0)
        found: list[float | None] = [None] * len(self.groups.names)
        cosines, present = report.cosine()[:, 0].tolist(), report.present()[:, 0].tolist()
        for group, cosine, both in zip(report.groups, cosines, present, strict=True):
            found[group] = cosine if both and math.isfinite(cosine) else None
        parts = self._parts.cosines(report).tolist()
        return NoiseCosines(found, [cosine if known else None for [[known, cosine]] in parts])


def rows(part: Any, chosen: slice, size: int) -> Any:
    """The chosen rows of everything in a batch of `size` utterances that has one for each."""
    if isinstance(part, dict):
        return {name: rows(value, chosen, size) for name, value in part.items()}
    if isinstance(part, Tensor) and part.dim() and part.size(0) == size:
        return part[chosen]
    if isinstance(part, list) and len(part) == size:
        return part[chosen]
    return part
