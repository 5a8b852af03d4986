"""scripts/study.sh in miniature: a trial from raw audio to the tables; a second run has nothing to do."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from mgcm_fairseq.commands.study import _check_options, main
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.studies.study_file import read_study
from mgcm_fairseq.studies.trial import begun
from tests.fixtures import REPOSITORY


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """imtl.yaml with a few updates, its baseline alone, and greedy decoding."""
    found = yaml.safe_load((CONFIGS / "studies" / "imtl.yaml").read_text())
    found |= {"average": 2, "runs": ["offline:1"], "systems": {"multi_task": []}, "sizes": {
        "tiny": {**found["sizes"]["small"], "updates": 4, "start_updates": 4, "seeds": [1], "options": [
            *found["sizes"]["small"]["options"], "dataset.max_tokens=64000", "checkpoint.save_interval_updates=2"]}}}
    path = tmp_path_factory.mktemp("study") / "tiny.yaml"
    path.write_text(yaml.safe_dump(found))
    return path


def run(study: Path, corpus: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "scripts/study.sh", str(study), "--size", "tiny", "--corpus", str(corpus), "--out",
                           str(study.parent / "out"), *more], cwd=REPOSITORY, capture_output=True, text=True)


def test_a_trial_is_trained_evaluated_and_reported_once(study: Path, tiny_corpus: Path) -> None:
    first = run(study, tiny_corpus)
    assert first.returncode == 0, first.stderr
    folder = study.parent / "out" / "tiny"
    found = json.loads((folder / "study.json").read_text())
    (trial,) = found["trials"]
    assert trial["figures"]["offline-1"]["BLEU"] >= 0
    assert [updates for updates, *_ in trial["dev"]] == [2, 4]
    assert trial["cpu_seconds"] > 0
    assert found["missing"] == []
    assert "start-seed1: done" in first.stderr
    assert "loaded checkpoint" in (folder / "multi_task-seed1" / "train.out").read_text().lower()
    assert (folder / "study.md").read_text() == first.stdout
    again = run(study, tiny_corpus)
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert "train" not in again.stderr
    others = run(study, tiny_corpus, "--report", "--seeds", "7")
    assert (others.returncode, others.stdout) == (0, first.stdout)
    assert begun(folder) == [1]


@pytest.mark.parametrize(("option", "message"), [
    ("task.conflict_rule=mcgm", "mcgm"), ("task.conflict_rule=none ++task.task_weights=norm", "conflict-rule sum"),
    ("++model.local_kernels='5'", "--local-kernels"), ("++task.fixed_task_weights='1,0.3'", "--fixed-task-weights"),
    ("++task.conflict_granularity=model", "stash"), ("task.windows='2,17'", "--windows: expected at most 4 s")])
def test_what_a_training_would_refuse_is_refused_before_the_first(study: Path, tiny_corpus: Path, tmp_path: Path,
                                                                  option: str, message: str) -> None:
    found = yaml.safe_load(study.read_text())
    found["systems"]["other"] = ["task.conflict_rule=mgcm", *option.split()]
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(found))
    made = read_study(tmp_path / "other.yaml", "tiny")
    _check_options(made, "multi_task", tiny_corpus)
    with pytest.raises(InputError, match=message):
        _check_options(made, "other", tiny_corpus)


def test_more_checkpoints_than_are_kept_cannot_be_averaged(study: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    found = yaml.safe_load(study.read_text()) | {"average": 4}
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(found))
    with pytest.raises(InputError, match=r"at most 3 checkpoints, which demo\.yaml keeps, found average: 4"):
        _check_options(read_study(tmp_path / "other.yaml", "tiny"), "multi_task", tiny_corpus)


def test_plans_of_a_study_without_them_are_refused(study: Path, tiny_corpus: Path,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(study), "--size", "tiny", "--corpus", str(tiny_corpus), "--out", str(study.parent / "none"),
                 "--plans"]) == 2
    assert "--plans: expected a study with a key plan" in capsys.readouterr().err
    assert not (study.parent / "none").exists()


def test_a_report_needs_a_trial_that_is_done(study: Path, tiny_corpus: Path) -> None:
    ended = run(study, tiny_corpus, "--report", "--out", str(study.parent / "empty"))
    assert (ended.returncode, "expected a trial that is done, found none" in ended.stderr) == (2, True)
