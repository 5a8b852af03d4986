"""Records of conflicts: in fairseq's log and whatever it feeds, and in a JSON-lines file.

A training that is resumed begins its sums anew: passes since the last record before the interruption are in none.
"""

import atexit
import json
import logging
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fairseq.logging import metrics
from fairseq.logging.meters import AverageMeter, MetersDict

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import called, say
from mgcm_fairseq.common.whole import appended, write_whole
from mgcm_fairseq.core.conflict import Report
from mgcm_fairseq.core.conflict.places import COMPONENTS
from mgcm_fairseq.data.batch import Batch
from mgcm_fairseq.training.config import ConflictConfig
from mgcm_fairseq.training.masking import MASKING
from mgcm_fairseq.training.noise_floor import NoiseFloor
from mgcm_fairseq.training.part_names import PARTS
from mgcm_fairseq.training.task_weights import TaskWeights
from mgcm_fairseq.training.telemetry import BINS, QUANTITIES, Sums, Telemetry, summarise

logger = logging.getLogger(__name__)

FORMAT = 2  # of the file


class Recorder:
    """Fetches the sums every --conflict-log-interval updates, logs them and appends them to the file."""

    def __init__(self, telemetry: Telemetry, cfg: ConflictConfig, path: str, noise: NoiseFloor | None,
                 update: int, weights: TaskWeights) -> None:
        self.telemetry = telemetry
        self.weights = weights
        self.interval = cfg.conflict_log_interval
        self.noise = noise
        self.path = Path(path).absolute() if path else None  # Hydra changes the folder, back before the last record
        self._recorded = self._update = update
        self._shown: list[tuple[str, float, float, int]] = []  # name, value, weight and digits, of the last record
        self._by_layer: dict[str, float] = {}  # the same of the layers, for the epoch's line
        self._batch: tuple[Batch, Sequence[str]] | None = None  # the last for the noise floor, and the tasks on in it
        places = telemetry.groups.places
        self._layers = {(place.layer, place.component): [index for index, other in enumerate(places)
                                                         if other[:2] == place[:2]] for place in places}
        if self.path is not None:
            self._open(self.path, cfg)
            atexit.register(self.end)

    def before(self, update: int) -> None:
        """To be called before each forward pass, with the number of updates done."""
        if update > self._recorded and update % self.interval == 0:
            self._record(update)
        for name, value, weight, digits in self._shown:  # in every line: fairseq forgets them after each
            metrics.log_scalar(name, value, weight, round=digits)
        self._show_the_newest_at_the_end()
        for name, meter in (metrics.get_meters("train") or {}).items():  # emptied at an epoch's end
            if name.count("/") == 3 and meter.val is not None:
                self._by_layer[name] = meter.val
            elif name in self._by_layer:
                meter.update(self._by_layer[name], 0)

    def _show_the_newest_at_the_end(self) -> None:
        """Adds TASK_newest_conflict to the epoch's line: percent since the last record. No later line may show it."""
        epoch = metrics.get_meters("train")
        for index, task in enumerate(self.telemetry.tasks[1:]):
            if epoch is not None and f"{task}_newest_conflict" not in epoch:
                meter = MetersDict._DerivedMeter(partial(self._newest, index))  # which is in no checkpoint
                epoch.add_meter(f"{task}_newest_conflict", meter, priority=90)

    def _newest(self, index: int, epoch: MetersDict) -> float:
        """Of an auxiliary task; without a pass since the last record, what that one says; nan before any."""
        sums = self.telemetry.so_far()
        values = summarise(sums.quantities, list(range(len(self.telemetry.groups.names))))[index] if sums else {}
        shown = [value for name, value, *_ in self._shown if name == f"{self.telemetry.tasks[1 + index]}_conflict"]
        return round(100 * values["conflict"], 1) if values else shown[0] if shown else math.nan

    def add(self, report: Report, batch: Batch, update: int, tasks: Sequence[str]) -> None:
        """To be called after each backward pass of the update, with the tasks that are on."""
        self.telemetry.add(report)
        self._update = update
        if self.noise is not None and batch["nsentences"] > 1:  # the noise floor needs two halves
            self._batch = batch, tasks

    def end(self) -> None:
        """Records what is left when training ends."""
        self._batch = None
        try:
            self._record(self._update + 1)
        except InputError as error:  # nothing is left that could catch it
            say(called(), error)

    def _record(self, update: int) -> None:
        since, self._recorded = self._recorded, update
        sums = self.telemetry.fetch()
        if sums is not None:
            self._log(sums)
            if self.path is not None:
                self._append(self.path, since, update, sums)

    def _log(self, sums: Sums) -> None:
        """Rates in percent and cosines: by task, and by component, for every line, by layer for the epoch's."""
        everywhere = list(range(len(self.telemetry.groups.names)))
        self._shown = [(f"{task}_conflict", 100 * values["conflict"], values["weight"], 1) for task, values in zip(
            self.telemetry.tasks[1:], summarise(sums.quantities, everywhere), strict=True) if values]
        for component in COMPONENTS:
            members = [index for (_, other), indices in self._layers.items() if other == component for index in indices]
            for task, values in zip(self.telemetry.tasks[1:], summarise(sums.quantities, members), strict=True):
                if values:
                    self._shown += [
                        (f"{task}_{component}_conflict", 100 * values["conflict"], values["weight"], 1),
                        (f"{task}_{component}_cosine", values["cosine"], values["weight"], 3)]
        epoch = metrics.get_meters("train")
        for (layer, component), members in self._layers.items():
            for task, values in zip(self.telemetry.tasks[1:], summarise(sums.quantities, members), strict=True):
                for name, scale, digits in (("conflict", 100, 1), ("cosine", 1, 3)) if values and epoch else ():
                    key = f"{task}/{component}/{layer}/{name}"
                    if key not in epoch:
                        epoch.add_meter(key, AverageMeter(round=digits), priority=90)
                    epoch[key].update(scale * values[name], values["weight"])

    def _open(self, path: Path, cfg: ConflictConfig) -> None:
        header = {
            "format": FORMAT, "tasks": list(self.telemetry.tasks), "rule": cfg.conflict_rule,
            "granularity": str(cfg.conflict_granularity), "scope": cfg.conflict_scope,
            "engine": str(cfg.conflict_engine), "reduce": str(cfg.conflict_reduce), "bins": BINS,
            "components": list(COMPONENTS), "quantities": list(QUANTITIES), "parts": list(PARTS),
            "masking": list(MASKING),
            "groups": [{"name": name, "layer": place.layer, "component": place.component}
                       for name, place in zip(self.telemetry.groups.names, self.telemetry.groups.places, strict=True)]}
        if path.exists() and path.stat().st_size:
            with path.open(encoding="utf-8", errors="replace") as lines:
                changed = _differences(lines.readline(), header)
            if changed:
                raise InputError(path, "the conflict log of a training with these tasks, groups and options",
                                 "; ".join(changed), "Give --conflict-log a new name.")
            if not path.read_bytes().endswith(b"\n"):  # torn by a kill: the next line must not hang on it
                with appended(path) as lines:
                    lines.write("\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps(header) + "\n")

    def _append(self, path: Path, since: int, update: int, sums: Sums) -> None:
        record: dict[str, Any] = {"since": since, "update": update, "passes": sums.passes,
                                  "quantities": _rounded(sums.quantities.tolist()),
                                  "histogram": sums.histogram.long().tolist(), "parts": _rounded(sums.parts.tolist()),
                                  "masking": _rounded(sums.masking.tolist()),
                                  "weights": _rounded(self.weights.shown)}
        floor = self.noise.cosines(*self._batch) if self.noise is not None and self._batch is not None else None
        if floor is not None:
            record |= {"noise": _rounded(floor.groups), "part_noise": _rounded(floor.parts)}
        self.path = None  # where this fails, it is not tried again when training ends
        with appended(path) as lines:
            lines.write(json.dumps(record, separators=(",", ":")) + "\n")
        self.path = path


def _differences(line: str, header: dict[str, Any]) -> list[str]:
    """What the first line of a log says otherwise than `header`: what it was and what it is now."""
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "format" not in found:
        return ["a file that is no conflict log"]
    changed = [name for name in sorted(found.keys() | header.keys()) if found.get(name) != header.get(name)]
    told = [f"{name} {found.get(name)} where this has {header.get(name)}" for name in changed if name != "groups"]
    if "groups" in changed:
        then, now = ([group["name"] for group in one.get("groups", [])] for one in (found, header))
        gone, new = [name for name in then if name not in now], [name for name in now if name not in then]
        told += [f"{len(gone)} groups that this lacks, as {gone[0]}"] if gone else []
        told += [f"none of {len(new)} groups that this has, as {new[0]}"] if new else []
        told += [] if gone or new else ["the same groups in another order or place"]
    return told


def _rounded(values: Any) -> Any:
    return [_rounded(value) for value in values] if isinstance(values, list) else values and round(values, 5)
