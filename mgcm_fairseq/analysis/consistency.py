"""How far the tasks' gradients agree, by part of the network, by layer and over training (arXiv 2311.03810, IMTL).

The measure is that paper's: the cosine of a module's gradients for two tasks, and of that the mean over modules. The
cosine of a part's whole gradient goes with it; large gradients count for more there. Beside both is the noise floor,
which the paper lacks: the same between the primary task's gradients on two half-batches.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mgcm_fairseq.analysis.conflict_log import ConflictLog
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.training.part_names import PARTS


def part_members(log: ConflictLog, part: str) -> list[int]:
    """The groups of one of PARTS; none in a log that judges the whole model as one."""
    if log.header.get("granularity") == "model":
        return []
    return [index for index, group in enumerate(log.header["groups"]) if group["layer"].startswith(PARTS[part])]


def summary(log: ConflictLog) -> dict[str, Any]:
    """Cosines with the primary task's gradient, None where there is none: what the figure shows, and JSON can hold.

    Each part, under `parts`, and each layer with attention, under `layers`, has

    - `modules`: the number of its groups;
    - `tasks`: auxiliary task -> `cosine`, over the whole training, and `above_noise`, the share of the records with
      both in which that record's cosine is larger than its noise floor's;
    - `noise`: the noise floor's cosine;
    - `over_training`: auxiliary task, or `noise` -> a cosine for each of `updates`; of parts only;
    - `whole`: auxiliary task, or `noise` -> the cosine of the part's whole gradient, mean over passes; of parts only.
    """
    parts = {part: part_members(log, part) for part in PARTS}
    series = {part: over_training(log, members) for part, members in parts.items()}
    return {"primary": log.header["tasks"][0], "updates": log.updates.tolist(),
            "parts": {part: {**_of(log, members), "over_training": {
                name: [_known(value) for value in values] for name, values in series[part].items()},
                "whole": whole_cosines(log, part)} for part, members in parts.items()},
            "layers": {layer: _of(log, log.members(layer, None)) for layer in log.layers()}}


def over_training(log: ConflictLog, members: Sequence[int]) -> dict[str, list[float]]:
    """Auxiliary task, or noise -> the cosine of these groups in each record; nan where there is none."""
    records = [slice(record, record + 1) for record in range(len(log.updates))]
    of_tasks = {task: [log.cosine(members, auxiliary, record) for record in records]
                for auxiliary, task in enumerate(log.auxiliaries)}
    return {**of_tasks, "noise": [log.noise_cosine(members, record) for record in records]}


def whole_cosines(log: ConflictLog, part: str) -> dict[str, float | None]:
    """Auxiliary task, or noise -> the cosine of one of PARTS as a whole; None where none is recorded."""
    if part not in log.header.get("parts", []):
        return dict.fromkeys((*log.auxiliaries, "noise"))
    index = log.header["parts"].index(part)
    passes_A, cosines_A = log.parts[:, index].sum(0).T
    noise_R = log.part_noise[:, index][np.isfinite(log.part_noise[:, index])]
    return {**{task: float(total / count) if count else None
               for task, count, total in zip(log.auxiliaries, passes_A, cosines_A, strict=True)},
            "noise": float(noise_R.mean()) if noise_R.size else None}


def write_summary(log: ConflictLog, path: Path) -> None:
    """`summary` as JSON."""
    write_whole(path, json.dumps(summary(log), indent=1) + "\n")


def write_table(log: ConflictLog, path: Path) -> None:
    """The same as Markdown tables: by part, by layer, and of each part's whole gradient."""
    found = summary(log)
    title = f"Cosine with {found['primary']}'s gradient, mean over modules, updates to {found['updates'][-1]}"
    tables = [_table(kind, found[f"{kind}s"], log.auxiliaries, found["primary"]) for kind in ("part", "layer")]
    columns = ["whole gradient of", *log.auxiliaries, _floor(found["primary"])]
    whole = [[part, *(_figure(value, "+.3f") for value in of_part["whole"].values())]
             for part, of_part in found["parts"].items()]
    write_whole(path, "\n\n".join([title, *tables, _rows(columns, whole)]) + "\n")


def _of(log: ConflictLog, members: Sequence[int]) -> dict[str, Any]:
    series = over_training(log, members)
    tasks = {}
    for auxiliary, task in enumerate(log.auxiliaries):
        above = [one > floor for one, floor in zip(series[task], series["noise"], strict=True)
                 if not math.isnan(one + floor)]
        tasks[task] = {"cosine": _known(log.cosine(members, auxiliary)),
                       "above_noise": sum(above) / len(above) if above else None}
    return {"modules": len(members), "tasks": tasks, "noise": _known(log.noise_cosine(members))}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _table(kind: str, rows: dict[str, Any], tasks: Sequence[str], primary: str) -> str:
    columns = [kind, "modules", *tasks, _floor(primary), *(f"{task} above it, share of records" for task in tasks)]
    lines = []
    for name, row in rows.items():
        lines.append([name, str(row["modules"]), *(_figure(row["tasks"][task]["cosine"], "+.3f") for task in tasks),
                      _figure(row["noise"], "+.3f"), *(_figure(row["tasks"][task]["above_noise"], ".0%")
                                                       for task in tasks)])
    return _rows(columns, lines)


def _floor(primary: str) -> str:
    return f"{primary} with itself (noise floor)"


def _rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---", *("---:" for _ in columns[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
