"""Evaluations as scripts/evaluate.sh leaves them, of two made-up systems."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mgcm_fairseq.evaluation.comparison.bootstrap import bleu_statistics, corpus_bleu
from mgcm_fairseq.evaluation.instances import read_instances
from mgcm_fairseq.evaluation.latency import latency
from tests.evaluation.comparison.logs import SENTENCES, Records, said

ENVIRONMENT = {"commit": "abc1234", "dtype": "fp32", "utterances": SENTENCES, "source_segment_size_ms": 320,
               "torch": "2.13", "cpu": "some"}

Runs = Mapping[tuple[str, float], Records]


@pytest.fixture
def write_evaluation(tmp_path: Path) -> Callable[..., Path]:
    """write(name, {(policy, point): records}, **environment) writes tmp_path/name and returns it."""
    def write(name: str, runs: Runs, **environment: Any) -> Path:
        folder = tmp_path / name
        simul = [_run(folder / "runs" / f"{policy}-{point:g}", policy, point, records)
                 for (policy, point), records in runs.items()]
        results = {"offline": {"greedy": {"BLEU": 80.0, "chrF": 90.0, "signature": "s"}}, "simul": simul,
                   "environment": {**ENVIRONMENT, **environment}}
        (folder / "results.json").write_text(json.dumps(results))
        return folder
    return write


def _run(folder: Path, policy: str, point: float, records: Records) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "instances.log").write_text("".join(json.dumps(record) + "\n" for record in records))
    references = [record["reference"] for record in sorted(records, key=lambda record: record["index"])]
    instances = read_instances(folder, references)
    statistics = bleu_statistics([one.prediction for one in instances], references)
    delays = latency(instances)
    aware = {f"{metric}_CA": None if value is None else value + 50 for metric, value in delays.items()}
    score = float(corpus_bleu(statistics, np.ones((1, SENTENCES)))[0])
    return {"policy": policy, "point": point, "BLEU": round(score, 2), "chrF": 50.0, "signature": "s", **delays,
            **aware, "before_end": 0.5}


@pytest.fixture
def good(write_evaluation) -> Path:
    return write_evaluation("good", {("wait-k", 1): said(0.1, 1, 1), ("wait-k", 3): said(0.05, 3, 2)})


@pytest.fixture
def bad(write_evaluation) -> Path:
    return write_evaluation("bad", {("wait-k", 3): said(0.4, 3, 3), ("edatt", 0.1): said(0.3, 5, 4)})
