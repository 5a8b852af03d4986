"""A plan as text."""

from collections.abc import Callable
from shlex import quote

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.recipes.checks import GIB
from mgcm_fairseq.recipes.cluster import Cluster
from mgcm_fairseq.recipes.estimate import Estimate
from mgcm_fairseq.recipes.plan import Plan, Stage

WIDTH = 20


def show(plan: Plan, cluster: Cluster, tflops: float) -> str:
    """What will be trained on what, at what cost, by which commands; and every problem."""
    stages = plan.stages
    lines = list(dict.fromkeys(stage.corpus for stage in stages if stage.corpus))
    lines += ["", *(_row(name, [cell(stage) for stage in stages]) for name, cell in _ROWS.items()), ""]
    disk = f"{sum(one.disk_bytes for one in plan.estimates) / GIB:.1f} GiB"
    if plan.estimates and cluster.cpu:
        lines.append(f"{disk} for what is to be done; the hours that it takes CPUs are not estimated.")
    elif plan.estimates:
        lines.append(f"{sum(one.hours for one in plan.estimates):.1f} hours and {disk} for what is to be done on "
                     f"{cluster.workers} GPUs, if each keeps up {tflops:g} TFLOP/s; without validation, loading and "
                     "waiting.")
    lines += ["", *(" ".join(quote(part) for part in stage.command) for stage in stages)]
    lines += [f"PROBLEM: {problem}" for problem in plan.problems]
    lines += [f"NOTE: {note}" for note in plan.notes]
    lines += [f"ON THIS MACHINE: {problem}" for problem in plan.machine_problems]
    return "\n".join(lines) + "\n"


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
    "update_freq": lambda stage: str(stage.cfg.optimization.update_freq[0]),
    "parameters": _estimated(lambda one: f"{one.parameters:,}"),
    "memory a worker": _estimated(lambda one: f"{one.memory.total / GIB:.1f} GiB"),
    "hours": lambda stage: "-" if stage.cfg.common.cpu else _estimated(lambda one: f"{one.hours:.1f}")(stage),
    "disk": _estimated(lambda one: f"{one.disk_bytes / GIB:.1f} GiB"),
}
