"""scripts/benchmarks/scaling.py from costs that are given: the same figures again, and its errors."""

import json
from dataclasses import asdict

import pytest
import torch

from mgcm_fairseq.benchmarks.scaling.machine import Machine
from tests.benchmarks.scaling.inputs import P, costs

SMALL = ("--utterances", "20000")


@pytest.fixture
def file(tmp_path):
    """Costs as an earlier run would have written them."""
    path = tmp_path / "in.json"
    path.write_text(json.dumps({"measured": asdict(costs()), "measured_in": {"torch": "any"}}))
    return path


def test_the_same_tables_from_its_own_file(run_script, file, tmp_path, capsys):
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    printed = []
    for source, out in ((file, first), (first, second)):
        run_script("benchmarks/scaling", *SMALL, "--gpus", "1,2,64", "--measured", source, "--out", out)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    written, again = json.loads(first.read_text()), json.loads(second.read_text())
    assert written["found"] == again["found"]
    assert written["environment"]["torch"] == torch.__version__
    assert written["measured_in"] == {"torch": "any"}
    assert written["assumed"]["machine"] == asdict(Machine())
    rows = {(row["gpus"], row["variant"]): row for row in written["found"]["steps"]}
    assert set(rows) == {(gpus, variant) for gpus in (1, 2, 64) for variant in costs().variants}
    assert rows[2, "mgcm global"]["traffic_mb"] == pytest.approx(2 * P / 2 / 1e6)
    for row in rows.values():
        assert f"| {row['gpus']}, {row['variant']} " in printed[0]


def test_assumptions_are_options(run_script, file, tmp_path):
    out = tmp_path / "out.json"
    assumed = ("--latency-us", "1000", "--node", "4")
    run_script("benchmarks/scaling", *SMALL, "--gpus", "64", "--measured", file, *assumed, "--out", out)
    written = json.loads(out.read_text())
    assert written["assumed"]["machine"] == {**asdict(Machine()), "latency_us": 1000.0, "node": 4}
    [found] = [row for row in written["found"]["steps"] if row["variant"] == "mgcm global"]
    assert found["latency_ms"] == pytest.approx(400 * (1 + 4))


@pytest.mark.parametrize(("options", "message"), [
    (("--gpus", "0"), "expected a whole number from 1 on"), (("--latency-us", "-1"), "expected a number above 0"),
])
def test_options_that_make_no_sense(refused, options, message):
    status, said = refused("benchmarks/scaling", *options)
    assert status == 2
    assert message in said


def test_errors_say_what_to_do(refused, tmp_path):
    status, said = refused("benchmarks/scaling", *SMALL, "--measured", tmp_path / "nowhere.json")
    assert status == 2
    assert "Leave it out to measure anew" in said
    assert "samples of the longest utterance" in refused("benchmarks/scaling", *SMALL, "--max-tokens", "1000")[1]
