"""Which trials of a study are the same training under two names."""

from dataclasses import replace
from pathlib import Path

import pytest

from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.core.sharing.plan import GroupedLayer, PlanSource, PlanStats, SharingPlan
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.sharing_plan import write_plan
from mgcm_fairseq.studies.same_plan import repeated
from mgcm_fairseq.studies.study_file import read_study
from mgcm_fairseq.studies.trial import Trial

LAYER = GroupedLayer("encoder.layers.1.ffn", {"g0": ("qaa",), "g1": ("qab",)}, (0, 3, 7), PlanStats(0.1, 0.01, 0.5, 1))
SOURCE = PlanSource("ab" * 32, "spoken", ("qaa", "qab"), 64, 1)
PLAN = SharingPlan(SOURCE, (LAYER,))
JUDGED = SharingPlan(SOURCE, (replace(LAYER, stats=PlanStats(0.4, 0.9, 0.1, 0.5)),))


@pytest.fixture
def trials(tmp_path: Path) -> list[Trial]:
    """Those of the study `sharing` with seed 1, before any plan is made."""
    (tmp_path / "corpus").mkdir()
    CorpusConfig("qaa,qab", "de", 16_000, "v.txt", "v.model").write(tmp_path / "corpus")
    study = read_study(CONFIGS / "studies" / "sharing.yaml", "small")
    return [Trial(study, name, 1, tmp_path / "corpus", tmp_path, "cpu") for name in study.systems]


def plan(trials: list[Trial], **plans: SharingPlan) -> None:
    trials[0].plans.mkdir(parents=True, exist_ok=True)
    for name, made in plans.items():
        write_plan(trials[0].plans / f"{name}.yaml", made)


def finish(trial: Trial) -> None:
    for path in trial.results.values():
        path.parent.mkdir(parents=True)
        path.write_text("{}")


def names(trials: list[Trial]) -> dict[str, str]:
    return {name: other.name for name, other in repeated(trials).items()}


def test_a_plan_that_is_the_same_but_for_its_statistics_is_trained_by_once(trials: list[Trial]) -> None:
    plan(trials, found=PLAN, planted=JUDGED)
    assert names(trials) == {"planted-seed1": "found-seed1"}, "found_mgcm and wide have other options"
    (planted,) = [trial for trial in trials if trial.system == "planted"]
    finish(planted)
    assert names(trials) == {"found-seed1": "planted-seed1"}, "what is done comes first"
    finish(next(trial for trial in trials if trial.system == "found"))
    assert names(trials) == {}, "both have results of their own"


@pytest.mark.parametrize("other", [
    SharingPlan(SOURCE, (replace(LAYER, private=(0, 3, 8)),)), SharingPlan(SOURCE, (replace(LAYER, ffn="encoder.x"),)),
    SharingPlan(SOURCE, (replace(LAYER, groups={"g0": ("qab",), "g1": ("qaa",)}),)), SharingPlan(SOURCE),
    SharingPlan(replace(SOURCE, checkpoint="cd" * 32), (LAYER,))])
def test_another_plan_is_another_training(trials: list[Trial], other: SharingPlan) -> None:
    plan(trials, found=PLAN, planted=other)
    assert names(trials) == {}


def test_other_seeds_and_plans_that_are_not_made_yet_are_other_trainings(trials: list[Trial]) -> None:
    assert names(trials) == {}
    later = [replace(trial, seed=2) for trial in trials]
    plan(trials, found=PLAN)
    plan(later, planted=PLAN)
    assert names([*trials, *later]) == {}
