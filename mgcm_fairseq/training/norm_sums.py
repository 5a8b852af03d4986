"""Squares of the norms of gradients, summed on the device over an interval and fetched at its end.

N groups, T tasks, the primary one first.
"""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict import Groups, Report
from mgcm_fairseq.core.task_weights import accumulated_squares, norm_ratio
from mgcm_fairseq.training.indices import Indices
from mgcm_fairseq.training.workers import summed

logger = logging.getLogger(__name__)


class NormSums:
    """Adds up a backward pass after the other. Groups that a gradient that is not finite reached are left out of it."""

    def __init__(self, groups: Groups, tasks: tuple[str, ...], published: bool) -> None:
        """`published`: as IMTL's published code measures, see `add`."""
        self.names = groups.names
        self._tasks = tasks
        self._layers = [place.layer for place in groups.places]
        self._modules = [place.module for place in groups.places]
        self._published = published
        self._indices = Indices()
        self._update_NT2: Tensor | None = None  # of this update: passes in which the task had a gradient, and squares
        self._interval_NT2: Tensor | None = None  # the same of all updates of this interval that are done

    def parts(self, *beginnings: str) -> list[list[int]]:
        """The groups in the layers whose names begin so, for each beginning; as published, one in each attention."""
        return [[index for index, layer in enumerate(self._layers) if layer.startswith(beginning)
                 and (not self._published or self._modules[index].endswith("self_attn.out_proj"))]
                for beginning in beginnings]

    def begin(self) -> None:
        """Forgets an update that came to nothing."""
        self._update_NT2 = None

    def add(self, report: Report, weights_T: Tensor, tokens_T: Tensor) -> None:
        """Adds a backward pass.

        Args:
            report: of losses that were summed over tokens and multiplied by their weights. Each task's norm is that of
                its own gradient for each of its tokens, without its weight; as published, that of the sum of what it
                and the tasks before it (MT, ASR, ST) left, weights and all.
            weights_T: of the tasks.
            tokens_T: of the tasks in this worker's batch.
        """
        if not report.groups:
            return
        if self._published:
            order = [self._tasks.index(task) for task in ("mt", "asr", "st") if task in self._tasks]
            squares_NT = accumulated_squares(report.gramian, order)
        else:
            scale_T = weights_T * tokens_T
            squares_NT = (report.own_squares / scale_T.square()).where(scale_T > 0, 0.0)
        known_NT = squares_NT.isfinite().all(1, keepdim=True) & (squares_NT > 0)
        values_NT2 = torch.stack([known_NT.to(squares_NT), squares_NT.where(known_NT, 0.0)], dim=2)
        if self._update_NT2 is None:
            self._update_NT2 = self._zeros(values_NT2.device)
        self._update_NT2.index_add_(0, self._indices.of(report.groups, values_NT2.device), values_NT2)

    def settle(self, device: torch.device) -> None:
        """Adds the update, of all workers, to its interval."""
        update_NT2 = summed(self._zeros(device) if self._update_NT2 is None else self._update_NT2)
        before = self._interval_NT2
        self._interval_NT2 = update_NT2 if before is None else before.to(update_NT2.device) + update_NT2
        self._update_NT2 = None

    def ratios(self, parts: Mapping[str, list[list[int]]]) -> dict[str, float]:
        """Task -> how long its gradients were beside the primary task's in this interval, see `norm_ratio`; ends it."""
        sums_NT2 = self._zeros(torch.device("cpu")) if self._interval_NT2 is None else self._interval_NT2.cpu()
        self._interval_NT2 = None
        squares_NT = sums_NT2[..., 1] / sums_NT2[..., 0]
        return {task: norm_ratio(squares_NT, self._tasks.index(task), of_task) for task, of_task in parts.items()}

    def state_dict(self) -> dict[str, Any]:
        """The sums of this interval, and whose they are."""
        sums = self._interval_NT2
        return {"groups": self.names, "published": self._published, "sums": None if sums is None else sums.cpu()}

    def load_state_dict(self, state: dict[str, Any], origin: str) -> None:
        """Takes up what `state_dict` returned; of other groups or another way to measure the interval begins anew."""
        if (state["groups"], state.get("published")) == (self.names, self._published):
            self._interval_NT2 = state["sums"]
        else:
            logger.info("%s: norms of other groups, or measured another way, are left out: task weights change next by "
                        "those from here on", origin)

    def _zeros(self, device: torch.device) -> Tensor:
        return torch.zeros(len(self.names), len(self._tasks), 2, dtype=torch.float64, device=device)
