"""One training of a sweep over options tells apart what trained, what was refused and what failed; a sweep resumes."""

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from mgcm_fairseq.checks.option_pairs.factors import FACTORS
from mgcm_fairseq.checks.option_pairs.report import report
from mgcm_fairseq.checks.option_pairs.sweep import Sweep
from mgcm_fairseq.checks.option_pairs.trial import FAILED, REFUSED, TRAINED, trial
from mgcm_fairseq.common.errors import InputError


@pytest.fixture(scope="module")
def tried():
    """`trial` in a process that has done nothing with torch: trainings are forked off it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        yield lambda *given: process.submit(trial, *given).result()


def test_a_combination_that_trains(tried, tiny_corpus, tmp_path):
    assert tried({"rule": "mgcm", "workers": "2, legacy_ddp"}, tiny_corpus, tmp_path / "trial").kind == TRAINED
    assert not (tmp_path / "trial").exists()


def test_one_that_is_refused_has_its_reason(tried, tiny_corpus, tmp_path):
    outcome = tried({"rule": "mgcm", "granularity": "model"}, tiny_corpus, tmp_path / "trial")
    assert outcome.kind == REFUSED
    assert outcome.reason.startswith("--conflict-granularity: expected a granularity that lies inside a stage")


def test_a_traceback_is_a_failure(tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.setitem(FACTORS, "optimizer", {"broken": "--optimizer adam --adam-betas 0.9"})
    outcome = trial({}, tiny_corpus, tmp_path / "trial")
    assert outcome.kind == FAILED
    assert "Error" in outcome.reason


@pytest.fixture
def sweep(tiny_corpus, tmp_path):
    factors = {name: FACTORS[name] for name in ("rule", "granularity")}
    return lambda seed=1: Sweep(tiny_corpus, tmp_path, seed, {name: dict(list(values.items())[:2])
                                                              for name, values in factors.items()})


@pytest.mark.parametrize(("first", "reason"), [
    ("raise SystemExit('error: what was found')", "what was found"), ("raise ValueError('x')", "ValueError: x"),
    ("pass", "status 0, -9: ")])
def test_a_worker_that_outlives_the_other_is_a_failure(tmp_path, monkeypatch, first, reason):
    monkeypatch.setattr("mgcm_fairseq.checks.option_pairs.trial.PATIENCE", 10 if first == "pass" else 60)
    monkeypatch.setattr("mgcm_fairseq.checks.option_pairs.trial.GRACE", 0.1)
    monkeypatch.setattr("mgcm_fairseq.checks.option_pairs.trial.train", lambda: time.sleep(60) if "1" in sys.argv[
        sys.argv.index("--distributed-rank") + 1] else exec(first))
    outcome = trial({"workers": "2, legacy_ddp"}, tmp_path, tmp_path / "trial")
    assert outcome.kind == FAILED
    assert outcome.reason.startswith(f"worker 1 hangs after: {reason}")


def test_an_interrupted_sweep_goes_on(sweep, tmp_path):
    sweep().run(2)
    file = tmp_path / "trials.jsonl"
    before = file.read_text()
    file.write_text(before + '{"combination": {"ru')  # a SIGKILL while a line was written
    again = sweep()
    again.run(2)
    assert all(json.loads(line) for line in file.read_text().splitlines())
    assert file.read_text().startswith(before)
    assert len(again.earlier) == len(before.splitlines()[1:]) == again.remembered == 2
    assert all(json.loads(line)["kind"] == TRAINED for line in before.splitlines()[1:])
    assert "2 options, 4 pairs of values" in report(again)


def test_the_command(run_script, tiny_corpus, tmp_path, capsys):
    run_script("checks/option_pairs", "--corpus", tiny_corpus, "--out", tmp_path, "--trials", "1")
    assert json.loads((tmp_path / "trials.jsonl").read_text().splitlines()[1])["kind"] == TRAINED
    assert (tmp_path / "table.md").read_text() == capsys.readouterr().out


def test_a_sweep_of_other_code_or_of_another_order_is_not_taken_up(sweep, tmp_path):
    file = tmp_path / "trials.jsonl"
    sweep()
    with pytest.raises(InputError, match=r"trials.jsonl:1: expected .* seed 2 and .* seed 1 and .* --out"):
        sweep(2)
    first = json.loads(file.read_text())
    for other in ({**first, "commit": "0123abc"}, {**first, "factors": {}}, {"combination": {}, "kind": "trained"}):
        file.write_text(json.dumps(other) + "\n")
        with pytest.raises(InputError, match="Remove it"):
            sweep()


@pytest.mark.parametrize(("combination", "reason"), [
    ({"precision": "fp16"}, "--fp16: expected --fp16-no-flatten-grads beside it"),
    ({"precision": "memory-efficient-bf16", "optimizer": "sgd"}, "--optimizer: expected one that needs no fp32 copies"),
    ({"workers": "2, pytorch_ddp", "variant": "repaired"}, "--ddp-backend: expected pytorch_ddp to be told"),
    ({"workers": "2, pytorch_ddp, find unused", "rule": "mgcm", "engine": "stash", "variant": "repaired"}, ""),
])
def test_pairs_that_a_sweep_found_to_fail(tried, tiny_corpus, tmp_path, combination, reason):
    outcome = tried(combination, tiny_corpus, tmp_path / "trial")
    assert outcome.kind == (REFUSED if reason else TRAINED), outcome.reason
    assert outcome.reason.startswith(reason)
