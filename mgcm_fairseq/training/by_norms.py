"""Task weights that follow the norms of the tasks' gradients: the host knows them, and they change once an interval."""

import logging
from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict import Groups, Report
from mgcm_fairseq.core.task_weights import NormWeights
from mgcm_fairseq.training.config import ConflictConfig
from mgcm_fairseq.training.norm_sums import NormSums
from mgcm_fairseq.training.part_names import DECODER, ENCODER, FRONT_END
from mgcm_fairseq.training.task_weights_options import check_parts

logger = logging.getLogger(__name__)


class ByNorms:
    """Sums what the engine's reports say, and changes the weights by it."""

    def __init__(self, tasks: tuple[str, ...], cfg: ConflictConfig) -> None:
        self._tasks = tasks
        self._cfg = cfg
        self._published = cfg.task_weight_variant == "published"
        self._weighting = NormWeights(tasks, cfg.task_weight_floor)
        self._sums: NormSums | None = None
        self._parts: dict[str, list[list[int]]] = {}  # where each auxiliary task is compared with the primary one
        self._kept: tuple[dict[str, Any], str] | None = None  # sums of a checkpoint, until the groups are known

    def measure(self, groups: Groups) -> None:
        """Has norms be of these groups; InputError where a part that is asked for has none."""
        self._sums = NormSums(groups, self._tasks, self._published)
        of_asr = FRONT_END if self._cfg.asr_norm_part == "front-end" else ENCODER
        self._parts = {task: self._sums.parts(*((of_asr,) if task == "asr" else (ENCODER, DECODER)))
                        for task in self._tasks[1:]}
        check_parts(self._cfg, self._parts)
        if self._kept is not None:
            self._sums.load_state_dict(*self._kept)

    def on(self, device: torch.device) -> Tensor:
        """(T,) float64 weights on the device."""
        return torch.tensor(list(self._weighting.weights.values()), dtype=torch.float64, device=device)

    def off(self) -> frozenset[str]:
        """Tasks whose weight fell below the floor."""
        return frozenset(task for task, weight in self._weighting.weights.items() if not weight)

    def begin(self) -> None:
        """Forgets an update that came to nothing."""
        if self._sums is not None:
            self._sums.begin()

    def note(self, losses_T: Tensor, weights_T: Tensor, tokens_T: Tensor, report: Report | None) -> None:
        """Adds a batch."""
        if self._sums is not None and report is not None:
            self._sums.add(report, weights_T, tokens_T)

    def settle(self, number: int, rate: float, batches: int, device: torch.device) -> bool:
        """Ends an update; whether the weights have changed."""
        if self._sums is None:
            return False
        self._sums.settle(device)
        change, rest = divmod(number, self._cfg.task_weight_interval)
        if rest:
            return False
        ratios = self._sums.ratios(self._parts)
        self._weighting.change(change, ratios, batches if self._published else 1)
        told = [f"{task} {self._weighting.weights[task]:.3f} (norms {ratio:.3f})" for task, ratio in ratios.items()]
        logger.info("update %d: task weights %s", number, ", ".join(told))
        return True

    def state_dict(self) -> dict[str, Any]:
        """The weights and the sums of this interval."""
        kept = self._kept[0] if self._kept is not None else None
        return {"weights": dict(self._weighting.weights), "sums": self._sums.state_dict() if self._sums else kept}

    def load_state_dict(self, state: dict[str, Any], origin: str) -> None:
        """Takes up what `state_dict` returned."""
        self._weighting.weights = dict(state["weights"])
        self._kept = (state["sums"], origin) if state["sums"] else None
