"""What --conflict-log writes, read for the figures."""

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from mgcm_fairseq.analysis.conflict_log import ConflictLog, read_conflict_log
from mgcm_fairseq.analysis.plot_conflicts import COMPONENTS, short
from mgcm_fairseq.checks.fuzzing.spoiling import few, spoil_bytes, spoil_lines
from mgcm_fairseq.checks.fuzzing.spoiling_json import written
from mgcm_fairseq.checks.fuzzing.target import Files, same

HEADER = {"format": 2, "tasks": ["st", "asr", "mt"], "bins": 2, "components": ["attention", "ffn", "norm"],
          "groups": [{"name": "a", "layer": "encoder.layers.0", "component": "attention"},
                     {"name": "b", "layer": "encoder.layers.0", "component": "ffn"}]}


def _record(update: int) -> dict[str, Any]:
    return {"update": update, "passes": 4, "quantities": [[[4, 1, 0.5, 0.1], [3, 0, 1.0, 0]]] * 2,
            "histogram": [[[1, 2], [3, 4]]] * 3, "noise": [0.5, None], "weights": [1, 0.5, 0.25]}


class Conflicts:
    """Every record that is whole counts, the last of an update; a torn line is said to be one."""

    def __init__(self, shared: Path) -> None:
        pass

    def draw(self, random: Random) -> Files:
        made: list[Any] = [HEADER, *map(_record, (10, 20, 20, 30)[:random.randint(1, 4)])]
        at = random.randrange(len(made))
        lines = [written(random, line) if number == at else json.dumps(line).encode()
                 for number, line in enumerate(made)]
        data = b"".join(line + b"\n" for line in lines)
        return {"conflicts.jsonl": few(random, data, (spoil_lines, spoil_bytes), 1)}

    def read(self, folder: Path) -> None:
        path = folder / "conflicts.jsonl"
        log, torn = read_conflict_log(path)
        header, *lines = path.read_bytes().decode().split("\n")
        whole = [record for record in map(_json, lines) if record is not None]
        same("torn lines", torn, sum(1 for line in lines if line.strip()) - len(whole))
        last: dict[int, Any] = {}
        for record in whole:  # a training that was resumed has gone back
            last = {update: known for update, known in last.items() if update < record["update"]}
            last[record["update"]] = record
        same("updates", log.updates.tolist(), sorted(last))
        same("header", log.header, json.loads(header))
        same("quantities", repr(log.quantities.tolist()),
             repr(np.array([last[update]["quantities"] for update in sorted(last)], dtype=float).tolist()))
        same("weights", repr(log.weights.tolist()),
             repr(np.array([last[update]["weights"] for update in sorted(last)], dtype=float).tolist()))
        _figures(log)


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _figures(log: ConflictLog) -> None:
    """All numbers that are drawn."""
    for auxiliary in range(len(log.auxiliaries)):
        for layer in log.layers():
            short(layer)
            for component in COMPONENTS:
                log.rate(log.members(layer, component), auxiliary)
                log.noise_rate(log.members(layer, component))
        for component in set(COMPONENTS) & set(log.header["components"]):
            counts = log.histogram[log.header["components"].index(component), auxiliary]
            same("bins", len(counts), log.header["bins"])
