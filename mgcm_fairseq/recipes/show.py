"""A plan as text."""

from collections.abc import Callable
from itertools import repeat
from shlex import quote

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.recipes.cluster import Cluster
from mgcm_fairseq.recipes.estimate import Estimate
from mgcm_fairseq.recipes.gpus import GIB
from mgcm_fairseq.recipes.plan import Plan, Training
from mgcm_fairseq.recipes.room import Room

WIDTH = 20


def show(plan: Plan, cluster: Cluster, room: Room, tflops: float) -> str:
    """What will be trained on what, at what cost, by which commands; and every problem."""
    trainings = plan.trainings
    lines = list(dict.fromkeys(training.corpus for training in trainings if training.corpus))
    lines += ["", *(_row(name, [cell(training) for training in trainings]) for name, cell in _ROWS.items()), ""]
    disk = f"{sum(one.disk_bytes for one in plan.estimates) / GIB:.1f} GiB"
    if plan.estimates and cluster.cpu:
        lines.append(f"{disk} for what is to be done; the hours that it takes CPUs are not estimated.")
    elif plan.estimates:
        lines += [f"{sum(one.hours for one in plan.estimates):.1f} hours and {disk} for what is to be done on "
                  f"{cluster.workers} GPUs; without validation, loading and waiting.",
                  *dict.fromkeys(f"Micro-batches: {_cut(one, room)}." for one in trainings if one.estimate),
                  *dict.fromkeys(map(_source, trainings, repeat(tflops)))]
    lines += ["", *(" ".join(quote(part) for part in training.command) for training in trainings)]
    lines += [f"PROBLEM: {problem}" for problem in plan.problems]
    lines += [f"NOTE: {note}" for note in plan.notes]
    lines += [f"ON THIS MACHINE: {problem}" for problem in plan.machine_problems]
    return "\n".join(lines) + "\n"


def _cut(training: Training, room: Room) -> str:
    """What decided how an update is cut."""
    return "as the command line gives them" if training.cut_by_hand else room.text


def _source(training: Training, tflops: float) -> str:
    """What the hours of a training are taken from."""
    if training.estimate is None:
        return f"Hours of {training.name}: it is done."
    measured = training.estimate.measured
    if measured is None:
        return f"Hours of {training.name}: its arithmetic, if each GPU keeps up {tflops:g} TFLOP/s."
    return (f"Hours of {training.name}: one {measured.gpu} took in {measured.audio_per_s:.0f} s of audio a second, as "
            f"measured ({measured.how}).")


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<{WIDTH}}" + "".join(f" {cell:>{WIDTH}}" for cell in cells)


def _estimated(text: Callable[[Estimate], str]) -> Callable[[Training], str]:
    return lambda training: text(training.estimate) if training.estimate else "-"


def _audio(training: Training) -> str:
    cfg = training.cfg
    workers = cfg.distributed_training.distributed_world_size * cfg.optimization.update_freq[0]
    return f"{workers * cfg.dataset.max_tokens / SAMPLE_RATE:.0f} s"


_ROWS: dict[str, Callable[[Training], str]] = {
    "training": lambda training: training.name,
    "state": lambda training: training.state,
    "tasks": lambda training: training.cfg.criterion.tasks,
    "conflict rule": lambda training: training.cfg.task.conflict_rule,
    "updates": lambda training: f"{training.cfg.optimization.max_update:,}",
    "audio an update": lambda training: f"{_audio(training)} at most",
    "micro-batch": lambda training: f"{training.cfg.dataset.max_tokens / SAMPLE_RATE:.0f} s at most",
    "utterances in it": lambda training: f"{training.cfg.dataset.batch_size} at most",
    "update_freq": lambda training: str(training.cfg.optimization.update_freq[0]),
    "padding": _estimated(lambda one: f"{one.padding:.1%}"),
    "parameters": _estimated(lambda one: f"{one.parameters:,}"),
    "memory a worker": _estimated(lambda one: f"{one.memory.total / GIB:.1f} GiB"),
    "hours": lambda training: "-" if training.cfg.common.cpu else _estimated(lambda one: f"{one.hours:.1f}")(training),
    "disk": _estimated(lambda one: f"{one.disk_bytes / GIB:.1f} GiB"),
}
