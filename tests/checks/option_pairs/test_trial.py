"""One training of a sweep over options tells apart what trained, what was refused and what failed; a sweep resumes."""

import json
from random import Random

import pytest

from mgcm_fairseq.checks.option_pairs.factors import FACTORS
from mgcm_fairseq.checks.option_pairs.report import report
from mgcm_fairseq.checks.option_pairs.sweep import Sweep
from mgcm_fairseq.checks.option_pairs.trial import FAILED, REFUSED, TRAINED, trial


def test_a_combination_that_trains(tiny_corpus, tmp_path):
    assert trial({"rule": "mgcm", "workers": "2, legacy_ddp"}, tiny_corpus, tmp_path / "trial").kind == TRAINED
    assert not (tmp_path / "trial").exists()


def test_one_that_is_refused_has_its_reason(tiny_corpus, tmp_path):
    outcome = trial({"rule": "mgcm", "granularity": "model"}, tiny_corpus, tmp_path / "trial")
    assert outcome.kind == REFUSED
    assert outcome.reason.startswith("--conflict-granularity: expected a granularity that lies inside a segment")


def test_a_traceback_is_a_failure(tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.setitem(FACTORS, "optimizer", {"broken": "--optimizer adam --adam-betas 0.9"})
    outcome = trial({}, tiny_corpus, tmp_path / "trial")
    assert outcome.kind == FAILED
    assert "Error" in outcome.reason


@pytest.fixture
def sweep(tiny_corpus, tmp_path):
    factors = {name: FACTORS[name] for name in ("rule", "granularity")}
    return lambda: Sweep(tiny_corpus, tmp_path, Random(1), {name: dict(list(values.items())[:2])
                                                            for name, values in factors.items()})


def test_an_interrupted_sweep_goes_on(sweep, tmp_path):
    sweep().run(2)
    file = tmp_path / "trials.jsonl"
    before = file.read_text()
    file.write_text(before + '{"combination": {"ru')  # a SIGKILL while a line was written
    again = sweep()
    again.run(2)
    assert all(json.loads(line) for line in file.read_text().splitlines())
    assert file.read_text().startswith(before)
    assert len(again.earlier) == len(before.splitlines())
    assert all(json.loads(line)["kind"] == TRAINED for line in before.splitlines())
    assert "2 options, 4 pairs of values" in report(again)


@pytest.mark.parametrize(("combination", "reason"), [
    ({"precision": "fp16"}, "--fp16: expected --fp16-no-flatten-grads beside it"),
    ({"precision": "memory-efficient-bf16", "optimizer": "sgd"}, "--optimizer: expected one that needs no fp32 copies"),
    ({"workers": "2, pytorch_ddp", "variant": "repaired"}, "--ddp-backend: expected pytorch_ddp to be told"),
    ({"workers": "2, pytorch_ddp, find unused", "rule": "mgcm", "engine": "stash", "variant": "repaired"}, ""),
])
def test_pairs_that_a_sweep_found_to_fail(tiny_corpus, tmp_path, combination, reason):
    outcome = trial(combination, tiny_corpus, tmp_path / "trial")
    assert outcome.kind == (REFUSED if reason else TRAINED)
    assert outcome.reason.startswith(reason)
