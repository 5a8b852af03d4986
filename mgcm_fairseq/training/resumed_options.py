"""Says which options changed where a training goes on from a checkpoint."""

import logging
from collections.abc import Iterator
from typing import Any

logger = logging.getLogger(__name__)

SECTIONS = ("criterion", "task", "model", "optimizer", "lr_scheduler", "optimization", "ema")
BATCHES = (("dataset", "train_subset"), ("dataset", "max_tokens"), ("dataset", "batch_size"),
           ("distributed_training", "distributed_world_size"))
"""Options of other sections that decide what an update is made of."""

NOT_TOLD = ("data", "w2v_path", "w2v_config", "sharing_plan", "conflict_log")
"""Paths, which may change, and what is checked by what it holds."""

HOW_LONG = ("max_update", "max_epoch", "stop_time_hours")
"""Of the section `optimization`: they are changed to go on."""


def tell_changes(path: str, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Logs each option that changed, once.

    Args:
        path: of the checkpoint.
        before: its configuration, by section; options that are newer than it have no value there.
        now: of the training that goes on.
    """
    kept = now["lr_scheduler"].get("_name") == "reduce_lr_on_plateau"  # the rate to which it has come
    told: set[str] = set()
    for section, name in _options(now):
        known = before.get(section) or {}
        if name in told or name not in known or known[name] == now[section][name]:
            continue
        told.add(name)
        if name == "lr" and kept:
            logger.warning("%s: lr was %s, and %s has no effect behind the warm-up: the rate that "
                           "reduce_lr_on_plateau has reached stays; --optimizer-overrides changes it", path,
                           known[name], now[section][name])
        else:
            tell(path, name, known[name], now[section][name])


def tell(path: str, name: str, before: Any, now: Any) -> None:
    """Logs that something changed."""
    then, here = ("unset" if value in (None, "") else value for value in (before, now))
    logger.info("%s: %s was %s, and is %s from here on", path, name, then, here)


def _options(now: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Section and name. Optimizers and schedules repeat options of other sections, some the whole command line."""
    repeated = {name for section in now for name in now[section] or {} if section not in SECTIONS}
    repeated |= {name for section in ("optimization", "task", "criterion", "ema") for name in now[section] or {}}
    for section in SECTIONS:
        for name in now[section] or {}:
            if name.startswith("_") or name in NOT_TOLD or (section == "optimization" and name in HOW_LONG):
                continue
            if section == "optimizer" and name in repeated:
                continue
            if section == "lr_scheduler" and name in repeated and name != "max_update":  # a schedule may follow it
                continue
            yield section, name
    yield from BATCHES
