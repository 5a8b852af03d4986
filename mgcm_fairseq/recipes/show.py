"""A plan as text."""

from collections.abc import Callable
from itertools import repeat
from shlex import quote

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.recipes.cluster import Cluster
from mgcm_fairseq.recipes.estimate import Estimate
from mgcm_fairseq.recipes.gpus import GIB
from mgcm_fairseq.recipes.plan import Plan, Stage
from mgcm_fairseq.recipes.room import Room

WIDTH = 20


def show(plan: Plan, cluster: Cluster, room: Room, tflops: float) -> str:
    """What will be trained on what, at what cost, by which commands; and every problem."""
    stages = plan.stages
    lines = list(dict.fromkeys(stage.corpus for stage in stages if stage.corpus))
    lines += ["", *(_row(name, [cell(stage) for stage in stages]) for name, cell in _ROWS.items()), ""]
    disk = f"{sum(one.disk_bytes for one in plan.estimates) / GIB:.1f} GiB"
    if plan.estimates and cluster.cpu:
        lines.append(f"{disk} for what is to be done; the hours that it takes CPUs are not estimated.")
    elif plan.estimates:
        lines += [f"{sum(one.hours for one in plan.estimates):.1f} hours and {disk} for what is to be done on "
                  f"{cluster.workers} GPUs; without validation, loading and waiting.",
                  *dict.fromkeys(f"Micro-batches: {_cut(stage, room)}." for stage in stages if stage.estimate),
                  *dict.fromkeys(map(_source, stages, repeat(tflops)))]
    lines += ["", *(" ".join(quote(part) for part in stage.command) for stage in stages)]
    lines += [f"PROBLEM: {problem}" for problem in plan.problems]
    lines += [f"NOTE: {note}" for note in plan.notes]
    lines += [f"ON THIS MACHINE: {problem}" for problem in plan.machine_problems]
    return "\n".join(lines) + "\n"


def _cut(stage: Stage, room: Room) -> str:
    """What decided how an update is cut."""
    return "as the command line gives them" if stage.cut_by_hand else room.text


def _source(stage: Stage, tflops: float) -> str:
    """What the hours of a training are taken from."""
    if stage.estimate is None:
        return f"Hours of {stage.name}: it is done."
    measured = stage.estimate.measured
    if measured is None:
        return f"Hours of {stage.name}: its arithmetic, if each GPU keeps up {tflops:g} TFLOP/s."
    return (f"Hours of {stage.name}: one {measured.gpu} took in {measured.audio_per_s:.0f} s of audio a second, as "
            f"measured ({measured.how}).")


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<{WIDTH}}" + "".join(f"{cell:>{WIDTH}}" for cell in cells)


def _estimated(text: Callable[[Estimate], str]) -> Callable[[Stage], str]:
    return lambda stage: text(stage.estimate) if stage.estimate else "-"


def _audio(stage: Stage) -> str:
    cfg = stage.cfg
    workers = cfg.distributed_training.distributed_world_size * cfg.optimization.update_freq[0]
    return f"{workers * cfg.dataset.max_tokens / SAMPLE_RATE:.0f} s"


_ROWS: dict[str, Callable[[Stage], str]] = {
    "training": lambda stage: stage.name,
    "state": lambda stage: stage.state,
    "tasks": lambda stage: stage.cfg.criterion.tasks,
    "conflict rule": lambda stage: stage.cfg.task.conflict_rule,
    "updates": lambda stage: f"{stage.cfg.optimization.max_update:,}",
    "audio an update": lambda stage: f"{_audio(stage)} at most",
    "micro-batch": lambda stage: f"{stage.cfg.dataset.max_tokens / SAMPLE_RATE:.0f} s at most",
    "utterances in it": lambda stage: f"{stage.cfg.dataset.batch_size} at most",
    "update_freq": lambda stage: str(stage.cfg.optimization.update_freq[0]),
    "padding": _estimated(lambda one: f"{one.padding:.1%}"),
    "parameters": _estimated(lambda one: f"{one.parameters:,}"),
    "memory a worker": _estimated(lambda one: f"{one.memory.total / GIB:.1f} GiB"),
    "hours": lambda stage: "-" if stage.cfg.common.cpu else _estimated(lambda one: f"{one.hours:.1f}")(stage),
    "disk": _estimated(lambda one: f"{one.disk_bytes / GIB:.1f} GiB"),
}
