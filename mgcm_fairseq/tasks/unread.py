"""Checked before training: options of a mechanism that is off, which nothing would read."""

import json
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.criterions.multitask import MultitaskCriterionConfig
from mgcm_fairseq.models.config import SimulSTModelConfig
from mgcm_fairseq.tasks.config import SimulSTConfig
from mgcm_fairseq.training.config import AUTO

logger = logging.getLogger(__name__)

_GROUPS = {"task": SimulSTConfig, "model": SimulSTModelConfig, "criterion": MultitaskCriterionConfig}
_BY_LOSSES = ("uncertainty", "dwa", "famo", "random")
_NOTHING_ASKED = ("criterion.segment_number_weight", "criterion.contrastive_weight", "model.segment_noise")
"""Of these 0 is off, too."""


class Mechanism(NamedTuple):
    """What can be on or off, and the options that it alone reads."""

    switch: str  # the option and the values that turn it on
    is_on: Callable[[Any], bool]  # of fairseq's configuration, whole
    refused: tuple[str, ...] = ()  # group and option: these say what the mechanism does
    told: tuple[str, ...] = ()  # these say when or where, and stay in a YAML that an override turns off


MECHANISMS = (
    Mechanism("--shrink ctc", lambda cfg: str(cfg.model.shrink) != "none",
              ("model.shrink_pool", "model.shrink_blanks", "model.no_looking_back"), ("model.shrink_from",)),
    Mechanism("--segmentation-variant repaired or published", lambda cfg: str(cfg.model.segmentation_variant) != "none",
              ("model.segment_noise", "model.lags", "criterion.segment_number_weight", "criterion.contrastive_weight"),
              ("model.segment_from", "model.noise_from", "model.multipath_from", "criterion.segment_number_from",
               "criterion.contrastive_from")),
    Mechanism("--sharing-plan", lambda cfg: bool(cfg.model.sharing_plan),
              ("model.sharing_init", "task.private_lr_factor")),
    Mechanism("--w2v-path", lambda cfg: cfg.model.w2v_path is not None, ("model.w2v_trust",)),
    Mechanism("--transcript-noise", lambda cfg: bool(cfg.task.transcript_noise), ("task.transcript_noise_kind",)),
    Mechanism("--task-weights norm", lambda cfg: str(cfg.task.task_weights) == "norm", ("task.task_weight_floor",)),
    Mechanism("--task-weights norm or dwa", lambda cfg: str(cfg.task.task_weights) in ("norm", "dwa"),
              told=("task.task_weight_interval",)),
    Mechanism("--conflict-scope auto",
              lambda cfg: cfg.task.conflict_rule != "none" and cfg.task.conflict_scope == AUTO,
              told=("task.conflict_scope_interval",)),
    Mechanism("a --conflict-rule", lambda cfg: cfg.task.conflict_rule != "none",
              told=("task.conflict_granularity", "task.conflict_scope", "task.conflict_engine",
                    "task.conflict_reduce")),
    Mechanism(f"a --conflict-rule or --task-weights {', '.join(_BY_LOSSES)}",
              lambda cfg: cfg.task.conflict_rule != "none" or str(cfg.task.task_weights) in _BY_LOSSES,
              told=("task.conflict_log_interval",)),
)


def check_unread(cfg: Any) -> None:
    """InputError, or a line in the log, where an option has a value of its own and the mechanism that it is of is off.

    A line where a YAML may well carry the option along for a training with the mechanism turned off.

    Args:
        cfg: of fairseq, whole.
    """
    for mechanism in MECHANISMS:
        if mechanism.is_on(cfg):
            continue
        for key in mechanism.refused:
            if _differs(cfg, key):
                raise InputError(_option(key), f"{mechanism.switch}, of which it is an option",
                                 f"{_given(cfg, key)} without it",
                                 f"Give {mechanism.switch}, or leave this option out; where a YAML gives it, write "
                                 f"{key.split('.')[1]}: {json.dumps(_default(key))}.")
        idle = [_option(key) for key in mechanism.told if _differs(cfg, key)]
        if idle:
            logger.warning("%s: nothing reads %s without %s", ", ".join(idle), "it" if len(idle) == 1 else "them",
                           mechanism.switch)


def _differs(cfg: Any, key: str) -> bool:
    given = _given(cfg, key)
    return str(given) != str(_default(key)) and not (key in _NOTHING_ASKED and given == 0)


def _given(cfg: Any, key: str) -> Any:
    group, option = key.split(".")
    return getattr(cfg[group], option)


def _default(key: str) -> Any:
    group, option = key.split(".")
    return _GROUPS[group].__dataclass_fields__[option].default


def _option(key: str) -> str:
    return f"--{key.split('.')[1].replace('_', '-')}"
