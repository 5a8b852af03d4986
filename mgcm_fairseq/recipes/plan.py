"""The plan of a row: each training with its size, memory, hours and disk, and what stands in the way."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from mgcm_fairseq.recipes import checks
from mgcm_fairseq.recipes.checks import Problems
from mgcm_fairseq.recipes.configuration import resolve
from mgcm_fairseq.recipes.count import count
from mgcm_fairseq.recipes.estimate import Estimate
from mgcm_fairseq.recipes.identity import check, identity
from mgcm_fairseq.recipes.launch import Launch, quoted
from mgcm_fairseq.recipes.rows import overrides_of


@dataclass
class Stage:
    """One training. `model` is the mean of its best checkpoints, which the next one starts from."""

    name: str
    folder: Path
    model: Path
    cfg: DictConfig
    command: list[str]
    identity: dict[str, Any]
    updates: int = 0  # done so far
    estimate: Estimate | None = None  # None for one that is done, or where a fault of the input stood in the way
    corpus: str = ""

    @property
    def record(self) -> Path:
        """Holds the identity of what was begun."""
        return self.folder.with_suffix(".json")

    @property
    def last(self) -> Path:
        """The checkpoint that an interrupted training goes on from."""
        return self.folder / "checkpoint_last.pt"

    @property
    def state(self) -> str:
        """How far it is."""
        if self.model.is_file():
            return "done"
        return f"from {self.updates:,} on" if self.updates else "new"


@dataclass
class Plan:
    """Trainings in their order, and everything that was found wrong, input first."""

    stages: list[Stage] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    machine_problems: Problems = field(default_factory=Problems)
    notes: Problems = field(default_factory=Problems)  # which keep nothing from starting

    @property
    def estimates(self) -> list[Estimate]:
        """Of what is to be done."""
        return [stage.estimate for stage in self.stages if stage.estimate]


def make_plan(names: Sequence[str], out: Path, overrides: Sequence[str], launch: Launch, best_of: int,
              tflops: float) -> Plan:
    """Resolves every training and looks at everything that it reads.

    Args:
        names: of YAMLs in configs/paper; each starts from the one before it.
        out: folder of all trainings.
        overrides: KEY=VALUE for each of them, or TRAINING:KEY=VALUE for one.
        best_of: checkpoints in the mean that the next training starts from.
        tflops: that a GPU keeps up, in 10^12 floating point operations a second.
    """
    plan = Plan()
    start: list[str] = []
    for name in names:
        given = overrides_of(name, overrides, names)
        options = [*launch.cluster.overrides(given), f"checkpoint.save_dir={quoted(out / name)}", *start, *given]
        cfg = plan.problems.catch(lambda options=options, name=name: resolve(name, options))  # type: ignore[misc]
        if cfg is None:
            return plan
        who = plan.problems.catch(lambda cfg=cfg: identity(cfg))  # type: ignore[misc]
        stage = Stage(name, out / name, out / f"{name}.pt", cfg, launch.command(name, out / name, options), who or {})
        plan.stages.append(stage)
        start = [f"checkpoint.finetune_from_model={quoted(stage.model)}"]
        if who is not None:
            plan.problems.catch(lambda stage=stage: _look(stage, launch, best_of, tflops))  # type: ignore[misc]
    plan.problems.catch(lambda: checks.disk(out, sum(one.disk_bytes for one in plan.estimates)))
    plan.machine_problems.catch(lambda: checks.machine(launch))
    plan.notes.catch(lambda: checks.memory(launch, max((one.memory.total for one in plan.estimates), default=0)))
    plan.problems = Problems(dict.fromkeys(plan.problems))
    return plan


def _look(stage: Stage, launch: Launch, best_of: int, tflops: float) -> None:
    """Compares a training with what was begun; unless it is done, builds all that it needs and counts."""
    check(stage.record, stage.identity, begun=stage.model.is_file() or stage.last.is_file())
    if stage.state == "done":
        return
    checks.averaging(stage.cfg, best_of)
    stage.updates = updates_of(stage.last) if stage.last.is_file() else 0
    estimated, stage.corpus = count(stage.cfg, launch.cluster.workers, tflops)
    there = sum(path.stat().st_size for path in stage.folder.glob("*.pt"))
    left = max(0, stage.cfg.optimization.max_update - stage.updates) / stage.cfg.optimization.max_update
    stage.estimate = replace(estimated, hours=left * estimated.hours, disk_bytes=max(0, estimated.disk_bytes - there))


def updates_of(checkpoint: Path) -> int:
    """Updates that a checkpoint of fairseq's has behind it."""
    state = torch.load(checkpoint, map_location="cpu", mmap=True)
    return int(state["optimizer_history"][-1]["num_updates"])
