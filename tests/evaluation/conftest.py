"""A hand-written SimulEval log of three sentences, one of them empty, whose scores are worked out in test_latency."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def _record(index: int, prediction: str, delays: list[float], reference: str, source_length: float) -> dict[str, Any]:
    return {"index": index, "prediction": prediction, "delays": delays, "elapsed": [delay + 5 for delay in delays],
            "prediction_length": len(delays), "reference": reference, "source": ["a.wav"],
            "source_length": source_length}


@pytest.fixture
def references() -> list[str]:
    return ["a b c d", "x y", "z"]


@pytest.fixture
def records(references: list[str]) -> list[dict[str, Any]]:
    return [
        _record(0, "a b c e", [400.0, 800.0, 1000.0, 1000.0], references[0], 1000.0),
        _record(1, "x y y", [300.0, 600.0, 600.0], references[1], 600.0),
        _record(2, "", [], references[2], 500.0),
    ]


@pytest.fixture
def write_log(tmp_path: Path) -> Callable[[list[dict[str, Any]]], Path]:
    """Writes a SimulEval results folder and returns it."""
    def write(records: list[dict[str, Any]]) -> Path:
        folder = tmp_path / "simul"
        folder.mkdir(exist_ok=True)
        (folder / "config.yaml").write_text("source_type: speech\ntarget_type: speech\n")  # sic: SimulEval's own fault
        (folder / "instances.log").write_text("".join(json.dumps(record) + "\n" for record in records))
        return folder
    return write
