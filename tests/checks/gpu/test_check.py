"""scripts/checks/gpu.sh on a CPU, in its smallest form: every part runs, and what fails does not stop the others."""

import json
import os

import pytest
import torch

from mgcm_fairseq.checks.gpu import report
from mgcm_fairseq.checks.gpu.check import main
from mgcm_fairseq.checks.gpu.isolated import rows_of
from mgcm_fairseq.checks.gpu.parts import PARTS
from mgcm_fairseq.checks.gpu.setting import GpuSetting
from tests.fixtures import run

QUICK = ("--device", "cpu", "--quick")


@pytest.fixture(scope="module")
def checked(tiny_corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("check")
    done = run("bash", "scripts/checks/gpu.sh", "--out", out, "--corpus", tiny_corpus, "--commit", "abc", *QUICK)
    return done, out, json.loads((out / "results.json").read_text())


def setting(folder, **changes):
    return GpuSetting(**{"out": folder, "corpus": folder, "device": "cpu", "quick": True, "seconds": 60, **changes})


def test_every_part_measures_something(checked):
    done, out, results = checked
    parts = results["parts"]
    assert list(parts) == ["corpus", *PARTS]
    assert not report.failures(results)
    assert all("left out" not in row for rows in parts.values() for row in rows)
    assert {row["method"] for row in parts["engines"]} == {"plain", "streamed"}
    assert [row["grid"] for row in parts["shapes"]] == [True, False]
    assert all(row["new / again"] > 0 for row in parts["shapes"])
    assert [(row["precision"], row["updates"]) for row in parts["trainings"]] == [("fp32", 3)]
    assert parts["trainings"][0]["updates a second"] > 0
    assert [(row["row"], row["updates"]) for row in parts["paper"]] == [("multi_task", 2)]
    assert parts["paper"][0]["first update (s)"] > 0
    assert (parts["paper"][0]["micro-batch (s)"], parts["paper"][0]["update_freq"]) == (4, 1)  # 64,000 samples
    assert parts["paper"][0]["planned (GiB)"] < 0.1
    assert 0 <= parts["paper"][0]["padding (%)"] < 100
    assert parts["agents"][0]["rtf"] > 0
    assert all(row["equal texts"] == row["equal delays"] == row["sentences"] == 2 for row in parts["equality"])
    assert done.stdout == (out / "table.md").read_text() == report.tables(results)


def test_the_results_say_what_they_depend_on(checked):
    _, _, results = checked
    environment = results["environment"]
    assert (environment["commit"], environment["device"], environment["quick"]) == ("abc", "cpu", True)
    assert environment["torch"] == torch.__version__
    assert results["seconds"] > 0


def test_what_is_measured_is_there_at_once_and_survives_an_error(tmp_path):
    def part(given):
        yield {"value": 1}
        assert not (tmp_path / "never").exists()
        raise ValueError("what went wrong")

    assert list(rows_of(part, setting(tmp_path))) == [{"value": 1}, {"error": "ValueError: what went wrong"}]


def test_a_process_that_dies_is_an_error_of_its_part(tmp_path):
    def part(given):
        yield {"value": 1}
        os._exit(7)

    rows = rows_of(part, setting(tmp_path))
    assert next(rows) == {"value": 1}
    assert list(rows) == [{"error": "the process ended with status 7"}]


def test_a_part_without_what_it_needs_fails_alone(tiny_corpus, tmp_path):
    done = run("bash", "scripts/checks/gpu.sh", "--out", tmp_path, "--corpus", tiny_corpus,
               "--parts", "equality,agents", *QUICK, check=False)  # not in this process: torch was at work here
    assert done.returncode == 1
    results = json.loads((tmp_path / "results.json").read_text())
    [failure] = report.failures(results)
    assert failure.startswith("equality: InputError: --parts: expected trainings among the parts")
    assert results["parts"]["agents"][0]["rtf"] > 0
    assert "FAILED" in done.stdout


@pytest.mark.parametrize(("options", "message"), [
    (("--corpus", "nowhere", *QUICK), "--corpus: expected a prepared corpus, found no train.tsv in nowhere"),
    pytest.param(("--device", "cuda"), "--device: expected a device of this machine", marks=pytest.mark.skipif(
        torch.cuda.is_available(), reason="this machine has a GPU")),
])
def test_input_that_is_wrong_is_refused(options, message, tmp_path, capsys):
    assert main(["--out", str(tmp_path), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_part_begins_nothing_when_its_time_is_over(tmp_path):
    rows = list(rows_of(PARTS["engines"].rows, setting(tmp_path, quick=False, seconds=0)))
    assert len(rows) == 6
    assert all(set(row) == {"left out"} for row in rows)


def test_tables_show_what_failed_and_what_was_left_out():
    parts = {"trainings": [{"precision": "fp32", "updates a second": 3.14159}, {"precision": "bf16", "error": "no TPU"},
                           {"left out": "amp"}, {"error": "died"}],
             "equality": [{"error": "no model"}]}
    text = report.tables({"parts": parts, "environment": {"gpu": "none"}})
    assert "| fp32      |            3.142 |" in text
    assert "Left out, for the time was over: amp." in text
    assert all(f"\n{error}\n" in text for error in ("no TPU", "died", "no model"))
    assert report.failures({"parts": parts}) == ["trainings: no TPU", "trainings: died", "equality: no model"]
