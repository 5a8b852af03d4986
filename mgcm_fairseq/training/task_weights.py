"""The weights of the tasks' losses in a training: what they are in each update, and what they follow. T tasks."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from fairseq.logging import metrics
from torch import Tensor

from mgcm_fairseq.core.conflict import Groups, Report
from mgcm_fairseq.core.task_weights import DynamicAverage, Famo, RandomWeights, Uncertainty
from mgcm_fairseq.training.by_losses import ByLosses
from mgcm_fairseq.training.by_norms import ByNorms
from mgcm_fairseq.training.config import ConflictConfig
from mgcm_fairseq.training.loss_sums import tokens_of
from mgcm_fairseq.training.task_weights_options import check_options, check_tasks, fixed_weights

logger = logging.getLogger(__name__)


class Following(Protocol):
    """What makes weights of what the batches show."""

    def on(self, device: torch.device) -> Tensor:
        """(T,) float64 weights on the device."""

    def off(self) -> frozenset[str]:
        """Tasks of weight 0."""

    def begin(self) -> None:
        """Forgets an update that came to nothing."""

    def note(self, losses_T: Tensor, weights_T: Tensor, tokens_T: Tensor, report: Report | None) -> None:
        """Adds a batch behind its backward pass, with the losses before they were weighted."""

    def settle(self, number: int, rate: float, batches: int, device: torch.device) -> bool:
        """Ends update `number` of that many micro-batches, on all workers; whether to show the weights."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs."""

    def load_state_dict(self, state: dict[str, Any], origin: str) -> None:
        """Takes up what `state_dict` returned, from the checkpoint `origin`."""


class TaskWeights:
    """Weighs the losses of each micro-batch, notes what came of it, and settles once an update.

    It makes no further pass through the network and reads nothing from the device in a step, but for norms once an
    interval and weights that follow losses once a record.
    """

    def __init__(self, cfg: ConflictConfig, seed: int = 1) -> None:
        """InputError for options that cannot work; `seed`: of weights that are drawn."""
        check_options(cfg)
        self.cfg, self._seed = cfg, seed
        self.tasks: tuple[str, ...] = ()  # primary task first, once they are known
        self.shown: list[float] = []  # weights of the tasks, as of the last record
        self._fixed: list[float] = []
        self._following: Following | None = None  # None for fixed weights
        self._ended: frozenset[str] = frozenset()  # tasks that are off: --asr-until is reached
        self._weights_T: Tensor | None = None  # on the device, for this update
        self._losses_T: Tensor | None = None  # of the last batch
        self._batches = 0  # of this update
        self._settled = -1  # number of updates that are done

    @property
    def plain(self) -> bool:
        """Whether all weights are 1 for good."""
        return self.cfg.task_weights == "fixed" and not self.cfg.fixed_task_weights and not self.cfg.asr_until

    def of(self, tasks: Sequence[str]) -> None:
        """Has the weights be those of these tasks, if they are not yet; InputError where they cannot."""
        if self.tasks == tuple(tasks):
            return
        check_tasks(self.cfg, tasks)
        self.tasks = tuple(tasks)
        self._fixed = fixed_weights(self.cfg, self.tasks)
        kind, count, record = self.cfg.task_weights, len(self.tasks), self.cfg.conflict_log_interval
        if kind == "norm":
            self._following = ByNorms(self.tasks, self.cfg)
        elif kind == "uncertainty":
            self._following = ByLosses(count, Uncertainty(count), record)
        elif kind == "dwa":
            self._following = ByLosses(count, DynamicAverage(count, self.cfg.task_weight_interval), record)
        elif kind == "famo":
            self._following = ByLosses(count, Famo(count), record)
        elif kind == "random":
            self._following = ByLosses(count, RandomWeights(count, self._seed), record)
        self._show()

    def measure(self, groups: Groups) -> None:
        """Has norms be of an engine's groups; InputError where a part that is asked for has none."""
        if isinstance(self._following, ByNorms):
            self._following.measure(groups)

    def begin(self) -> None:
        """To be called before the first micro-batch of an update; one that came to nothing before it is forgotten."""
        self._batches = 0
        if self._following is not None:
            self._following.begin()

    def to_run(self, update: int) -> tuple[str, ...]:
        """To be called before each micro-batch, with the number of updates done: the tasks that are on."""
        if 0 < self.cfg.asr_until <= update and not self._ended:
            self._ended = frozenset({"asr"})
            self._show()
        self._batches += 1
        if not self.plain:
            for task, weight in zip(self.tasks, self.shown, strict=True):
                metrics.log_scalar(f"{task}_weight", weight, 0, round=3)
        off = self._ended | (self._following.off() if self._following is not None else frozenset(
            task for task, weight in zip(self.tasks, self._fixed, strict=True) if not weight))
        return tuple(task for task in self.tasks if task not in off)

    def weigh(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The losses times their weights."""
        if self.plain:
            return dict(losses)
        zero = torch.zeros_like(next(iter(losses.values())))
        if self._weights_T is None:
            self._weights_T = self._on(zero.device)
        self._losses_T = torch.stack([losses.get(task, zero).detach() for task in self.tasks])
        weights = dict(zip(self.tasks, self._weights_T.to(zero.dtype).unbind(), strict=True))
        return {task: loss * weights[task] for task, loss in losses.items()}

    def note(self, log: Mapping[str, Any], report: Report | None = None) -> None:
        """To be called behind each backward pass that counts, with what the criterion logged of it."""
        if self._following is not None and self._losses_T is not None and self._weights_T is not None:
            tokens_T = tokens_of(self.tasks, log, self._losses_T)
            self._following.note(self._losses_T, self._weights_T, tokens_T, report)

    def settle(self, number: int, rate: float) -> None:
        """To be called by all workers once an update is done.

        Args:
            number: of updates that are done.
            rate: the learning rate.
        """
        if self._following is None or self._losses_T is None or number <= self._settled:
            return  # the last: --amp steps once more where gradients overflowed
        self._settled = number
        show = self._following.settle(number, rate, self._batches, self._losses_T.device)
        if show or isinstance(self._following, ByLosses):
            self._weights_T = None
        if show:
            self._show()

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs; empty for weights that are fixed."""
        if self._following is None:
            return {}
        return {"kind": str(self.cfg.task_weights), "tasks": list(self.tasks), "state": self._following.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any], tasks: Sequence[str], origin: str) -> None:
        """Takes up what `state_dict` returned, for a training of these tasks; of other tasks or another kind it begins
        anew, and says so.

        Args:
            origin: the checkpoint, for messages.
        """
        self.of(tasks)
        then = state.get("kind", "fixed"), state.get("tasks", list(tasks))
        if then != (str(self.cfg.task_weights), list(tasks)):
            logger.info("%s: task weights, which were %s of %s, begin anew as %s of %s", origin, then[0],
                        ",".join(then[1]), self.cfg.task_weights, ",".join(tasks))
        elif self._following is not None:
            self._following.load_state_dict(state["state"], origin)
            self._show()

    def _on(self, device: torch.device) -> Tensor:
        """(T,) float64 on the device."""
        if self._following is not None:
            return self._following.on(device)
        return torch.tensor(self._fixed, dtype=torch.float64, device=device)

    def _show(self) -> None:
        weights = self._on(torch.device("cpu")).tolist()
        self.shown = [0.0 if task in self._ended else weight for task, weight in zip(self.tasks, weights, strict=True)]
