"""scripts/benchmarks/loader.py writes a row for every way to read."""

import json


def test_rows_and_environment(run_script, tmp_path, capsys):
    run_script("benchmarks/loader", "--utterances", "12", "--seconds", "0", "--out", tmp_path / "b.json")
    found = json.loads((tmp_path / "b.json").read_text())
    assert {row["layout"] for row in found["rows"]} == {"a file each", "talks"}
    assert {row["reader"] for row in found["rows"]} == {"soundfile", "mapped"}
    assert {row["processes"] for row in found["rows"]} == {0, 1, 2}
    assert all(row["hours_per_core_second"] > 0 and 0 <= row["padding"] < 1 for row in found["rows"])
    assert found["environment"]["torch"]
    assert "8 GPUs at 1.4 to 11 updates/s take 0.29 to 2.29 h" in capsys.readouterr().out  # 8 * 1.5 M / 16 kHz = 750 s
