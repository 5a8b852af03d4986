"""The plan of a row: each training with its size, memory, hours and disk, and what stands in the way."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.compat import load_checkpoint
from mgcm_fairseq.data.sharing_plan import read_plan
from mgcm_fairseq.models.simul_st import build_schedule
from mgcm_fairseq.recipes import checks, estimate
from mgcm_fairseq.recipes.checks import Problems
from mgcm_fairseq.recipes.cluster import UPDATE_FREQ
from mgcm_fairseq.recipes.configuration import resolve
from mgcm_fairseq.recipes.count import Count
from mgcm_fairseq.recipes.estimate import Estimate
from mgcm_fairseq.recipes.gpus import Gpu
from mgcm_fairseq.recipes.identity import check, identity
from mgcm_fairseq.recipes.launch import Launch, quoted
from mgcm_fairseq.recipes.measured import find
from mgcm_fairseq.recipes.micro_batches import Cut, cut_of, given_by_hand
from mgcm_fairseq.recipes.room import Room
from mgcm_fairseq.recipes.rows import overrides_of
from mgcm_fairseq.tasks.split import check_item_lengths
from mgcm_fairseq.tasks.unread import check_unread
from mgcm_fairseq.training.at_least_zero import check_at_least_zero
from mgcm_fairseq.training.goal import check_goal
from mgcm_fairseq.training.needed_losses import check_losses
from mgcm_fairseq.training.resumed_plan import check_source
from mgcm_fairseq.training.task_weights_options import check_options, check_tasks


@dataclass
class Training:
    """One training. `model` is the mean of its best checkpoints, which the next one starts from."""

    name: str
    folder: Path
    model: Path
    cfg: DictConfig
    options: list[str]
    command: list[str]
    identity: dict[str, Any] = field(default_factory=dict)
    updates: int = 0  # done so far
    estimate: Estimate | None = None  # None for one that is done, or where a fault of the input stood in the way
    corpus: str = ""
    cut_by_hand: bool = False  # by options of the command line

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

    trainings: list[Training] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    machine_problems: Problems = field(default_factory=Problems)
    notes: Problems = field(default_factory=Problems)  # which keep nothing from starting

    @property
    def estimates(self) -> list[Estimate]:
        """Of what is to be done."""
        return [training.estimate for training in self.trainings if training.estimate]


class Planner:
    """Resolves every training of a row and looks at everything that it reads."""

    def __init__(self, out: Path, launch: Launch, gpus: Sequence[Gpu], room: Room, best_of: int, tflops: float) -> None:
        """Args:
            out: folder of all trainings.
            gpus: of this machine.
            room: on a GPU, which decides how an update is cut.
            best_of: checkpoints in the mean that the next training starts from.
            tflops: that a GPU keeps up, in 10^12 floating point operations a second.
        """
        self.out, self.launch, self.gpus, self.room = out, launch, gpus, room
        self.best_of, self.tflops = best_of, tflops

    def plan(self, names: Sequence[str], overrides: Sequence[str]) -> Plan:
        """Args:
            names: of YAMLs in configs/paper; each starts from the one before it.
            overrides: KEY=VALUE for each of them, or TRAINING:KEY=VALUE for one.
        """
        plan, start = Plan(), list[str]()
        for name in names:
            given = overrides_of(name, overrides, names)
            options = [*self.launch.cluster.overrides(given), f"checkpoint.save_dir={quoted(self.out / name)}", *start,
                       *given]
            command = self.launch.command(name, self.out / name, options)
            cfg = plan.problems.catch(partial(resolve, name, options))
            if cfg is None:
                return plan
            training = Training(name, self.out / name, self.out / f"{name}.pt", cfg, options, command)
            plan.trainings.append(training)
            start = [f"checkpoint.finetune_from_model={quoted(training.model)}"]
            plan.problems.catch(partial(self._look, training, given, plan))
        plan.problems.catch(lambda: checks.disk(self.out, sum(one.disk_bytes for one in plan.estimates)))
        plan.machine_problems.catch(lambda: checks.machine(self.launch, self.gpus))
        plan.problems = Problems(dict.fromkeys(plan.problems))
        return plan

    def _look(self, training: Training, given: Sequence[str], plan: Plan) -> None:
        """Compares a training with what was begun; unless it is done, builds all that it needs and counts."""
        checks.precision(training.cfg)
        if training.state != "done":  # what needs no file, before a missing file ends the look
            for look in (check_goal, check_at_least_zero, check_losses, check_unread, check_item_lengths,
                         _check_task_weights):
                plan.problems.catch(partial(look, training.cfg))
            plan.problems.catch(lambda: build_schedule(training.cfg.model, 0))
        training.identity = identity(training.cfg)
        check(training.record, training.identity, begun=training.model.is_file() or training.last.is_file())
        if training.state == "done":
            return
        checks.averaging(training.cfg, self.best_of)
        training.updates = updates_of(training.last) if training.last.is_file() else 0
        count = Count(training.cfg, self.launch.cluster.workers)
        training.corpus = count.corpus
        training.cut_by_hand = given_by_hand(given)
        if training.cfg.model.sharing_plan and not training.updates:
            plan_of_layers = read_plan(Path(training.cfg.model.sharing_plan))
            check_source(plan_of_layers, Path(training.cfg.checkpoint.finetune_from_model))
        if start := _start(training):
            count.task.check_checkpoint(load_checkpoint(start, mmap=True).get("task_state", {}), start)
        if self.room.bytes is not None and not training.cut_by_hand:
            self._cut(training, self.room.cut(training.cfg, count, training.record if training.updates else None))
        training.estimate = self._estimate(training, count)
        if self.room.bytes is not None:
            plan.notes.catch(lambda: checks.memory(self.room.bytes or 0, training.estimate.memory.total))  # type: ignore[union-attr]  # it was estimated just above

    def _cut(self, training: Training, cut: Cut) -> None:
        if cut != cut_of(training.cfg):
            training.options = [one for one in training.options if not one.startswith(f"{UPDATE_FREQ}=")]
            training.options += cut.overrides(training.cfg)
            training.cfg = resolve(training.name, training.options)
            training.command = self.launch.command(training.name, training.folder, training.options)

    def _estimate(self, training: Training, count: Count) -> Estimate:
        cfg, size = training.cfg, count.parameters
        batches = count.batches(cut_of(cfg))
        measured = find(self.room.gpu, training.name, cfg, size)
        there = sum(path.stat().st_size for path in training.folder.glob("*.pt"))
        left = max(0, cfg.optimization.max_update - training.updates) / cfg.optimization.max_update
        return Estimate(size, batches.memory, batches.padding,
                        left * estimate.hours(cfg, batches, measured, self.tflops), measured,
                        max(0, estimate.disk_bytes(cfg, size) - there))


def _check_task_weights(cfg: DictConfig) -> None:
    """Of the training as it will be: what is counted has all tasks to the end."""
    check_options(cfg.task)
    check_tasks(cfg.task, cfg.criterion.tasks.split(","))


def _start(training: Training) -> Path | None:
    """The checkpoint that fairseq will begin with, if it is there yet."""
    options = training.cfg.checkpoint
    given = training.last if training.last.is_file() else options.finetune_from_model
    if options.restore_file != training.last.name:  # its default
        given = options.restore_file
    return Path(given) if given and Path(given).is_file() else None


def updates_of(checkpoint: Path) -> int:
    """Updates that a checkpoint of fairseq's has behind it."""
    state = load_checkpoint(checkpoint, mmap=True)
    try:
        return int(state["optimizer_history"][-1]["num_updates"])
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise InputError(checkpoint, "a checkpoint in which fairseq-train recorded its updates", f"none ({error!r})",
                         "Remove it, or take another copy of it.") from error
