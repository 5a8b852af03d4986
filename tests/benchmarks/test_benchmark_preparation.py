"""scripts/benchmarks/preparation.py writes a row for every step, and goes on with a preparation that was killed."""

import json
import sys

from tests.fixtures import run


def test_rows_and_environment(tmp_path):
    result = run(sys.executable, "scripts/benchmarks/preparation.py", "--size", "200", "--seconds", "0.2",
                 "--vocab-size", "400", "--out", tmp_path / "b.json")
    assert "0 of them written again; all files as without interruption" in result.stdout
    found = json.loads((tmp_path / "b.json").read_text())
    steps = ("train", "dev", "tst-COMMON", "vocabulary", "simuleval dev", "simuleval tst-COMMON")
    runs = ("as it lies", "as it lies", "again", "packed", "killed half-way, resumed")
    assert [row["step"] for row in found["rows"]] == [f"{name}: {step}" for name in runs for step in steps]
    assert found["environment"]["sentencepiece"]
