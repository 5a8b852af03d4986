"""The sharing plans of a study's seed: which commands make them, in which order, and what is told of them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.core.sharing.plan import GroupedLayer, PlanSource, PlanStats, SharingPlan
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.sharing_plan import write_plan
from mgcm_fairseq.studies.plan_tables import plan_tables, told
from mgcm_fairseq.studies.plans import Plans, others_as_large
from mgcm_fairseq.studies.study import PLANS
from mgcm_fairseq.studies.study_file import read_study
from mgcm_fairseq.studies.trial import Trial

LANGUAGES = ("qaa", "qab", "qac", "qad")
TRUTH = {"family1": ["qaa", "qab"], "family2": ["qac", "qad"]}
STATS = PlanStats(0.1, 0.005, 0.5, 1.0)
SPLIT = GroupedLayer("encoder.layers.1.ffn", {"g0": ("qaa", "qab"), "g1": ("qac", "qad")}, (0, 3, 7), STATS)


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """GDPS's of the first seed, on a corpus of which the groups are known."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    CorpusConfig("qaa,qab,qac,qad", "de", 16_000, "v.txt", "v.model").write(corpus)
    (corpus / "dialects.json").write_text(json.dumps({"groups": TRUTH}))
    study = read_study(CONFIGS / "studies" / "sharing.yaml", "small")
    return Trial(study, "found", 1, corpus, tmp_path / "out", "cpu")


def made(trial: Trial, *wanted: str) -> Plans:
    assert trial.start is not None
    plans = Plans(trial.start, frozenset(wanted))
    plans.claim()
    return plans


def walk(plans: Plans, found: tuple[GroupedLayer, ...]) -> list[tuple[str, list[str]]]:
    """The steps, after each of which its plan is there: the found one, and others in its FFN or in SPLIT's."""
    steps = []
    for what, command in plans.steps():
        steps.append((what, command))
        layers = found if what == "plan" else (SPLIT,)
        write_plan(Path(command[command.index("--out") + 1]),
                   SharingPlan(PlanSource("ab" * 32, "spoken", LANGUAGES, 64, 1), layers))
        if report := value(command, "--report"):
            Path(report).touch()
    return steps


def value(command: list[str], option: str) -> str | None:
    return command[command.index(option) + 1] if option in command else None


def test_other_groups_are_like_the_found_plan(trial: Trial) -> None:
    plans = made(trial, *PLANS)
    steps = walk(plans, (SPLIT,))
    assert [what for what, _ in steps] == ["plan", "one_each", "planted", "random"]
    for _, command in steps:
        assert value(command, "--batches") == "64"
        assert value(command, "--seed") == "1"
        assert value(command, "--checkpoint") == str(plans.start.model)
    given = {what: value(command, "--groups") for what, command in steps}
    assert given["plan"] is None
    assert given["one_each"] == "qaa:qab:qac:qad"
    assert given["planted"] == "qaa,qab:qac,qad"
    assert given["random"] in ("qaa,qac:qab,qad", "qaa,qad:qab,qac")
    assert {value(command, "--like") for _, command in steps[1:]} == {str(plans.file("reference"))}
    assert plans.file("reference").read_bytes() == plans.file("found").read_bytes()
    assert not list(plans.steps())


def test_where_everything_is_shared_others_are_like_the_true_groups(trial: Trial) -> None:
    plans = made(trial, *PLANS)
    steps = walk(plans, ())
    assert [what for what, _ in steps] == ["plan", "planted", "one_each", "random"]
    assert value(steps[1][1], "--like") is None
    found, known, reference = (plans.file(name).read_bytes() for name in ("found", "planted", "reference"))
    assert reference == known != found


@pytest.mark.parametrize("found", [(SPLIT,), ()])
def test_the_true_groups_need_no_other_plan(trial: Trial, found: tuple[GroupedLayer, ...]) -> None:
    steps = walk(made(trial, "found", "planted"), found)
    assert [what for what, _ in steps] == ["plan", "planted"]
    like = value(steps[1][1], "--like")
    assert like is None if not found else Path(like or "").is_file()


def test_a_plan_without_its_report_is_made_anew(trial: Trial) -> None:
    plans = made(trial, "found")
    walk(plans, ())
    assert not list(plans.steps())
    plans.report.unlink()
    assert [what for what, _ in walk(plans, ())] == ["plan"]
    assert plans.found_is_whole
    plans.file("found").unlink()
    assert not plans.found_is_whole, "no report of a study may read it"


def test_the_found_plan_alone_needs_no_truth(trial: Trial) -> None:
    (trial.corpus / "dialects.json").unlink()
    assert [what for what, _ in walk(made(trial, "found"), ())] == ["plan"]
    with pytest.raises(InputError, match="expected groups of languages that are known"):
        made(trial, "found", "planted")


@pytest.mark.parametrize("seed", range(5))
def test_random_groups_are_others_of_the_same_sizes(seed: int) -> None:
    drawn = others_as_large([["qaa"], ["qab", "qac", "qad"]], LANGUAGES, seed)
    assert sorted(map(len, drawn)) == [1, 3]
    assert ["qaa"] not in drawn
    assert sorted(language for group in drawn for language in group) == list(LANGUAGES)
    assert others_as_large([["qaa"], ["qab", "qac", "qad"]], LANGUAGES, seed) == drawn
    alone = [[language] for language in LANGUAGES]
    assert others_as_large(alone, LANGUAGES, seed) == alone


def test_a_system_is_trained_with_its_plan_and_evaluated_in_each_language(trial: Trial) -> None:
    (what, train), _, *evaluations = trial.steps()
    assert what == "train"
    assert f"++model.sharing_plan='{trial.plans}/found.yaml'" in train or \
        f'++model.sharing_plan="{trial.plans}/found.yaml"' in train
    assert not any(option.startswith("plan=") for option in train)
    assert [value(command, "--source-lang") for _, command in evaluations] == list(LANGUAGES)
    assert [value(command, "--out") for _, command in evaluations] == \
        [str(trial.folder / "evaluation" / language) for language in LANGUAGES]
    assert not trial.done


def test_that_the_planted_plan_is_the_found_one_is_told(report: Callable[..., Plans], trial: Trial) -> None:
    plans = report((SPLIT,), [["qaa", "qab"], ["qac", "qad"]])
    for stats, private, same in ((STATS, (0, 3, 7), True), (PlanStats(0.2, 0.1, 0.3, 0.9), (0, 3, 7), True),
                                 (STATS, (0, 3, 8), False)):
        layer = GroupedLayer(SPLIT.ffn, SPLIT.groups, private, stats)
        write_plan(plans.file("planted"), SharingPlan(PlanSource("ab" * 32, "spoken", LANGUAGES, 64, 1), (layer,)))
        assert told(plans)["planted_is_found"] == same
        assert any("is the found one" in line for line in plan_tables([told(plans)])) == same


@pytest.fixture
def report(trial: Trial) -> Callable[[tuple[GroupedLayer, ...], list[list[str]]], Plans]:
    """Plans that are done, with these groups in the second of two FFNs."""
    def write(split: tuple[GroupedLayer, ...], groups: list[list[str]]) -> Plans:
        plans = made(trial, "found")
        walk(plans, split)
        fit = {"delta": 0.1, "p": 0.005, "q": 0.01, "stable": 1.0, "unknown": []}
        plans.report.write_text(json.dumps({"ffns": {
            "encoder.layers.0.ffn": {"score": 0.02, "fit": {**fit, "p": None, "q": None, "groups": [list(LANGUAGES)]}},
            "encoder.layers.1.ffn": {"score": 0.4, "fit": {**fit, "groups": groups}}}}))
        return plans
    return write


def test_plans_are_told_beside_the_truth(report: Callable[..., Plans]) -> None:
    found = told(report((SPLIT,), [["qaa", "qab"], ["qac", "qad"]]))
    assert [one["agreement"] for one in found["ffns"]] == [0, 1]
    assert found["split"] == [{"ffn": SPLIT.ffn, "private": 3, "groups": [["qaa", "qab"], ["qac", "qad"]],
                               "agreement": 1}]
    assert not found["planted_is_found"]
    lines = plan_tables([found])
    assert sum("qaa qab / qac qad" in line for line in lines) == 1
    assert not any("shares everything" in line for line in lines)


def test_a_plan_that_shares_everything_says_what_found_is(report: Callable[..., Plans]) -> None:
    found = told(report((), [["qaa", "qac"], ["qab", "qad"]]))
    assert found["ffns"][1]["agreement"] == -0.5
    assert any("The plan of seed 1 shares everything: a system with plan=found is the shared one." in line
               for line in plan_tables([found]))
