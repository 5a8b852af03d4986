"""scripts/benchmarks/data.py writes a row for every step."""

import json
import sys

from tests.fixtures import run


def test_rows_and_environment(tmp_path):
    run(sys.executable, "scripts/benchmarks/data.py", "--size", "30", "--out", tmp_path / "b.json")
    found = json.loads((tmp_path / "b.json").read_text())
    assert [row["step"] for row in found["rows"]] == ["make corpus", "prepare", "load one epoch"]
    assert all(row["utterances_per_second"] > 0 and row["peak_MiB"] > 10 for row in found["rows"])
    assert found["environment"]["torch"]
