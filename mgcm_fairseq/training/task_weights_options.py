"""Options of task weights: what they say, and what is refused with the reason."""

import math
from collections.abc import Mapping, Sequence

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.plain_numbers import plain_number
from mgcm_fairseq.core.conflict import ALL_RULES
from mgcm_fairseq.core.conflict.rules.torchjd import PROPORTIONAL
from mgcm_fairseq.training.config import ConflictConfig

OWN_WEIGHTS = ("pcd", "modo", "sdmgrad")
"""Rules that weigh tasks themselves, by the lengths of their gradients."""

_BY_NORMS = "--task-weights norm"


def check_options(cfg: ConflictConfig) -> None:
    """InputError for options that contradict each other, whatever the tasks."""
    kind = str(cfg.task_weights)
    if cfg.task_weight_interval < 1:
        raise InputError("--task-weight-interval", "a number of updates from 1 on", str(cfg.task_weight_interval),
                         "Leave it out for 5000.")
    if cfg.conflict_log_interval < 1:
        raise InputError("--conflict-log-interval", "a number of updates from 1 on", str(cfg.conflict_log_interval),
                         "Leave it out for 100.")
    if not 0 <= cfg.task_weight_floor < 1:
        raise InputError("--task-weight-floor", "a weight from 0, where no task is turned off, to below 1",
                         str(cfg.task_weight_floor), "Leave it out for 0.1.")
    if cfg.asr_until < 0:
        raise InputError("--asr-until", "a number of updates, or 0 for all", str(cfg.asr_until), "Leave it out for 0.")
    if kind != "fixed" and cfg.fixed_task_weights:
        raise InputError("--fixed-task-weights", "--task-weights fixed", kind, "Leave one of the two out.")
    if kind in ("uncertainty", "dwa", "famo", "random") and cfg.asr_until:
        raise InputError("--asr-until", "--task-weights fixed or norm, since the others weigh all tasks to the "
                         "end", kind, "Leave one of the two out.")
    if kind == "norm":
        _check_norm(cfg)
    else:
        for option, value, usual in (("--task-weight-variant", str(cfg.task_weight_variant), "repaired"),
                                     ("--asr-norm-part", str(cfg.asr_norm_part), "front-end")):
            if value != usual:
                raise InputError(option, f"{_BY_NORMS}, of which it is an option", f"--task-weights {kind}",
                                 "Leave it out.")
    weighted = kind != "fixed" or cfg.fixed_task_weights
    torchjd = cfg.conflict_rule.removeprefix("torchjd:")
    by_lengths = cfg.conflict_rule in OWN_WEIGHTS or (torchjd != cfg.conflict_rule and torchjd not in PROPORTIONAL)
    if weighted and by_lengths:
        others = [rule for rule in ALL_RULES if rule not in OWN_WEIGHTS]
        raise InputError("--conflict-rule", f"a rule under which a task's part grows with its weight: "
                         f"{', '.join(others)} or torchjd:{' or torchjd:'.join(PROPORTIONAL)}", cfg.conflict_rule,
                         "It makes its own weights from the lengths of gradients, which task weights change: choose "
                         "one of these, or leave the task weights out.")


def _check_norm(cfg: ConflictConfig) -> None:
    if cfg.conflict_rule == "none":
        raise InputError(_BY_NORMS, "a --conflict-rule, whose engine tells the tasks' gradients apart", "none",
                         "Add --conflict-rule sum, which changes no gradient.")
    if str(cfg.conflict_granularity) not in ("module", "parameter"):
        raise InputError("--conflict-granularity", f"module or parameter for {_BY_NORMS}, which compares modules",
                         str(cfg.conflict_granularity), "Leave it out.")


def check_tasks(cfg: ConflictConfig, tasks: Sequence[str]) -> None:
    """InputError for tasks that the weights are not made for."""
    kind, given = str(cfg.task_weights), ",".join(tasks)
    fixed_weights(cfg, tasks)
    if (kind != "fixed" or cfg.fixed_task_weights) and len(tasks) < 2:
        raise InputError("--tasks", "at least two, for their weights to matter", given,
                         "Add asr or mt, or leave the task weights out.")
    if kind == "norm" and tasks[0] != "st":
        raise InputError("--tasks", f"st first for {_BY_NORMS}, which compares the others with it", given,
                         "Write e.g. st,asr,mt.")
    if cfg.asr_until and "asr" not in tasks[1:]:
        raise InputError("--asr-until", "asr among the auxiliary tasks", f"--tasks {given}", "Leave it out.")
    if cfg.asr_until and not fixed_weights(cfg, tasks)[tasks.index("asr")]:
        raise InputError("--asr-until", "a weight of asr above 0, which it ends", cfg.fixed_task_weights,
                         "Leave it out.")


def fixed_weights(cfg: ConflictConfig, tasks: Sequence[str]) -> list[float]:
    """--fixed-task-weights, one for each task; InputError for anything else."""
    if not cfg.fixed_task_weights:
        return [1.0 for _ in tasks]
    weights = [plain_number(part) for part in cfg.fixed_task_weights.split(",")]
    if len(weights) != len(tasks) or not all(0 <= weight < math.inf for weight in weights) or not weights[0]:
        raise InputError("--fixed-task-weights", f"a number from 0 on for each of {','.join(tasks)}, more than 0 for "
                         f"the first", repr(cfg.fixed_task_weights),
                         f"Write e.g. {','.join(['1', *('0.3' for _ in tasks[1:])])}.")
    return weights


def check_parts(cfg: ConflictConfig, parts: Mapping[str, Sequence[Sequence[int]]]) -> None:
    """InputError where no group that is judged lies in the parts in which a task's norms are compared."""
    for task, of_task in parts.items():
        if not any(of_task):
            where = "the front end" if task == "asr" and cfg.asr_norm_part == "front-end" else "encoder and decoder"
            raise InputError("--conflict-scope", f"one with layers of {where}, where norms of {task} are compared",
                             cfg.conflict_scope, "Use --conflict-scope all, or above-front-end with --asr-norm-part "
                             "encoder.")


def may_end(cfg: ConflictConfig) -> bool:
    """Whether a task may be left out of later updates."""
    return bool(cfg.asr_until or (str(cfg.task_weights) == "norm" and cfg.task_weight_floor)
                or any(plain_number(part) == 0 for part in cfg.fixed_task_weights.split(",") if part))
