"""SimulEval's instances.log, scored."""

import json
import math
from pathlib import Path
from random import Random
from typing import Any

from mgcm_fairseq.checks.fuzzing.spoiling import few, spoil_bytes, spoil_lines
from mgcm_fairseq.checks.fuzzing.spoiling_json import written
from mgcm_fairseq.checks.fuzzing.target import Files, same
from mgcm_fairseq.evaluation.instances import read_instances
from mgcm_fairseq.evaluation.latency import latency, simultaneity
from mgcm_fairseq.evaluation.quality import bleu, length_ratio

REFERENCES = ("a b c d", "x y", "z")
PREDICTIONS = ("a b c e", "x y y", "")


def records(late: int = 1) -> list[dict[str, Any]]:
    """A log of three sentences, one without a word."""
    made = []
    for index, (prediction, reference) in enumerate(zip(PREDICTIONS, REFERENCES, strict=True)):
        delays = [min(250.0 * (late + word), 1000.0) for word in range(len(prediction.split()))]
        made.append({"index": index, "prediction": prediction, "delays": delays,
                     "elapsed": [delay + 5 for delay in delays], "prediction_length": len(delays),
                     "reference": reference, "source": ["a.wav"], "source_length": 1000.0, "computing": 20.5,
                     "slowest_read": 3.5})
    return made


def log(random: Random, late: int = 1) -> bytes:
    """Such a log, with changes to one of its lines or to its text."""
    made = records(late)
    lines = [json.dumps(record).encode() for record in made]
    at = random.randrange(len(lines))
    lines[at] = written(random, made[at])
    data = b"".join(line + b"\n" for line in lines)
    return few(random, data, (spoil_lines, spoil_bytes), 1) if not random.randrange(4) else data


class Instances:
    """Every sentence once, as its line says, with figures that are numbers."""

    def __init__(self, shared: Path) -> None:
        pass

    def draw(self, random: Random) -> Files:
        return {"instances.log": log(random)}

    def read(self, folder: Path) -> None:
        found = read_instances(folder, REFERENCES)
        lines = [json.loads(line) for line in (folder / "instances.log").read_bytes().decode().split("\n") if line]
        same("sentences", len(found), len(lines))
        for one, record in zip(found, sorted(lines, key=lambda record: record["index"]), strict=True):
            same("sentence", (one.prediction, one.delays, one.elapsed, one.source_length, one.reference),
                 tuple(record[name] for name in ("prediction", "delays", "elapsed", "source_length", "reference")))
        for figures in (latency(found), latency(found, True), simultaneity(found)):
            same("figures that are no numbers", [name for name, value in figures.items()
                                                 if value is not None and not math.isfinite(value)], [])
        texts = [one.prediction for one in found], [one.reference for one in found]
        scores = [bleu(*texts, "13a").value, length_ratio(*texts, "13a")]
        same("scores that are no numbers", [one for one in scores if one is not None and not math.isfinite(one)], [])
