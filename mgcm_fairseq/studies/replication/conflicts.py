"""What a conflict log says, in few numbers: by layer and component, over training, cosines, and what masking hides."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mgcm_fairseq.analysis.conflict_log import ConflictLog
from mgcm_fairseq.training.telemetry import QUANTITIES

COMPONENTS = ("attention", "ffn", "norm")
NOISE = "noise"
"""In the place of a task: the primary task's gradients on two halves of a batch."""


def summary(log: ConflictLog) -> dict[str, Any]:
    """Of one training; rates are shares of modules and passes, None where there were none.

    - `layers`, `components`: name -> auxiliary task, or `noise`, -> conflict rate; of layers for each component, too;
    - `everywhere`: the same of all modules;
    - `over_training`: `rate`, `removed` (mean share of an auxiliary gradient that the rule took away) and `noise`, a
      number for each of `updates`;
    - `cosines`: component -> task -> share of modules and passes by cosine, from -1 to 1 in equal bins;
    - `masking`: task -> what `_masking` says.
    """
    every = list(range(len(log.header["groups"])))
    return {
        "rule": log.header["rule"], "granularity": log.header["granularity"], "tasks": log.header["tasks"],
        "updates": log.updates.tolist(),
        "everywhere": _rates(log, every),
        "components": {one: _rates(log, log.members(None, one)) for one in COMPONENTS if log.members(None, one)},
        "layers": {layer: {one: _rates(log, log.members(layer, one)) for one in COMPONENTS
                           if log.members(layer, one)} for layer in log.layers()},
        "over_training": {"rate": _over_training(log, "conflict"), "removed": _over_training(log, "removed"),
                          NOISE: [_share(log.noise[record] < 0, np.isfinite(log.noise[record]))
                                  for record in range(len(log.updates))]},
        "cosines": {name: {task: _shares(log.histogram[index, auxiliary])
                           for auxiliary, task in enumerate(log.auxiliaries)}
                    for index, name in enumerate(log.header["components"]) if name in COMPONENTS},
        "masking": {task: _masking(log, auxiliary) for auxiliary, task in enumerate(log.auxiliaries)}
        if log.header.get("masking") else {}}


def _rates(log: ConflictLog, members: Sequence[int]) -> dict[str, float | None]:
    return {**{task: _known(log.rate(members, auxiliary)) for auxiliary, task in enumerate(log.auxiliaries)},
            NOISE: _known(log.noise_rate(members))}


def _over_training(log: ConflictLog, quantity: str) -> dict[str, list[float | None]]:
    index = QUANTITIES.index(quantity)
    sums_RAQ = log.quantities.sum(1)
    return {task: [_known(row[index] / row[0]) if row[0] else None for row in sums_RAQ[:, auxiliary]]
            for auxiliary, task in enumerate(log.auxiliaries)}


def _masking(log: ConflictLog, auxiliary: int) -> dict[str, float | None]:
    """`whole`: share of passes in which the whole gradients oppose each other; `cosine`: theirs, mean over passes;
    `hidden`: share of modules in conflict in the other passes, in which the whole gradients hide them."""
    sums = dict(zip(log.header["masking"], log.masking[:, auxiliary].sum(0).tolist(), strict=True))
    return {"whole": _divided(sums["conflicts"], sums["passes"]), "cosine": _divided(sums["cosines"], sums["passes"]),
            "hidden": _divided(sums["hidden"], sums["hidden_from"])}


def _divided(one: float, other: float) -> float | None:
    return _known(one / other) if other else None


def _share(chosen: np.ndarray, known: np.ndarray) -> float | None:
    return _divided(float((chosen & known).sum()), float(known.sum()))


def _shares(counts: np.ndarray) -> list[float]:
    return [round(float(one), 4) for one in counts / max(counts.sum(), 1)]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)
