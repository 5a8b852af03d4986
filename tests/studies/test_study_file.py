"""A study's YAML: what is read of it, what is refused, and that its options are options of fairseq's."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.recipes.configuration import resolve
from mgcm_fairseq.studies.study import against, chosen
from mgcm_fairseq.studies.study_file import read_study, studies
from mgcm_fairseq.studies.trial import Trial
from tests.fixtures import REPOSITORY

IMTL = CONFIGS / "studies" / "imtl.yaml"
EVERY = [(name, size, number) for name in studies() for number, size in enumerate(
         yaml.safe_load((CONFIGS / "studies" / f"{name}.yaml").read_text())["sizes"])]


SIZE = {"updates": 3, "start_updates": 0, "seeds": [1], "options": []}


def edited(tmp_path: Path, **changes: object) -> Path:
    """imtl.yaml with other values; None leaves a key out."""
    found = {**yaml.safe_load(IMTL.read_text()), **changes}
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in found.items() if value is not None}, sort_keys=False))
    return path


@pytest.mark.parametrize(("name", "size", "number"), EVERY)
def test_every_option_of_a_study_is_one_of_its_training(name: str, size: str, number: int,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of all systems in the first size; those of another size with the baseline."""
    monkeypatch.setenv("PWD", str(REPOSITORY))
    study = read_study(CONFIGS / "studies" / f"{name}.yaml", size)
    for system in [study.baseline] if number else study.systems:
        cfg = resolve(study.training, ["task.data=x", *study.of_training(system, 5)])
        assert (cfg.common.seed, cfg.optimization.max_update) == (5, study.updates_of(system))


def test_an_option_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", str(REPOSITORY))
    with pytest.raises(InputError, match="task_weigths"):
        resolve("demo", ["task.data=x", "++task.task_weigths=norm"])


def test_a_share_becomes_updates(tmp_path: Path) -> None:
    path = edited(tmp_path, systems={"multi_task": ["a.b=25%", "c=0.001%", "d='7%'", "e=3"]}, options=[])
    assert read_study(path, "full").of_training("multi_task", 1)[3:] == ["a.b=700", "c=1", "d='7%'", "e=3"]


@pytest.mark.parametrize(("changes", "expected"), [
    ({"runs": None}, "expected the keys title, training"),
    ({"more": 1}, "expected the keys title, training"),
    ({"average": "three"}, "expected average as a int, found 'three'"),
    ({"baseline": "single"}, "expected as baseline one of multi_task"),
    ({"systems": {"multi_task": [], "a/b": []}}, "found 'a/b'"),
    ({"systems": {"multi_task": [], "start": []}}, "found 'start'"),
    ({"runs": ["wait-segment"]}, "--run: expected"),
    ({"runs": [1]}, "expected runs as a list of texts, found [1]"),
    ({"systems": {"multi_task": "x=1"}}, "expected for each system a list of KEY=VALUE, found 'x=1' for multi_task"),
    ({"sizes": {"small": {"updates": 3, "start_updates": 0, "seeds": [], "options": []}}}, "seeds as a list of whole"),
    ({"systems": {"multi_task": ["updates=few"]}}, "expected updates=N%, a share of the size's updates"),
    ({"sizes": {"small": {**SIZE, "systems": ["multi_task", "shrinks"]}}}, "among them, found 'shrinks'"),
    ({"sizes": {"small": {**SIZE, "systems": ["shrink"]}}}, "among them, found 'multi_task'"),
    ({"sizes": {"small": {**SIZE, "system": ["shrink"]}}}, "expected the keys updates"),
    ({"sizes": {"small": {**SIZE, "systems": 3}}}, "expected systems as a list"),
    ({"systems": {"multi_task": ["plan=found"]}}, "expected a key plan, the options of the plans, found none"),
    ({"plan": [], "systems": {"multi_task": ["plan=best"]}}, "plan= one of found, reference, planted,"),
    ({"plan": [], "sizes": {"small": {"updates": 3, "start_updates": 0, "seeds": [1], "options": []}}},
     "start_updates from 1 on"),
    ({"plan": "--batches 8"}, "expected plan as a list"),
    ({"average": 0}, "expected average of 1 at least, found 0"),
    ({"sizes": {"small": {**SIZE, "updates": 0}}}, "expected updates of 1 at least, found 0"),
    ({"sizes": {"small": {**SIZE, "start_updates": -5}}}, "expected start_updates of 0 at least, found -5"),
    ({"options": ["updates=50%"]}, "expected updates= and plan= in a system's options alone, found 'updates=50%'"),
    ({"start": ["plan=found"]}, "in a system's options alone, found 'plan=found'"),
    ({"sizes": {"small": {**SIZE, "options": ["updates=50%"]}}}, "in a system's options alone, found 'updates=50%'"),
    ({"plan": [], "systems": {"multi_task": [], "plan": []}}, "found 'plan'"),
    ({"sizes": {"small": {"updates": 3}}}, "expected the keys updates, start_updates, seeds, options, found updates"),
])
def test_a_wrong_study_is_refused(tmp_path: Path, changes: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError) as raised:
        read_study(edited(tmp_path, **changes), "small")
    assert expected in str(raised.value)


def test_an_unknown_size_and_system_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected one of small, full, found 'huge'"):
        read_study(IMTL, "huge")
    study = read_study(IMTL, "small")
    with pytest.raises(InputError, match="expected some of multi_task"):
        chosen(study, ["shrinks"])
    assert chosen(study, ["shrink"]) == ["multi_task", "shrink"]
    assert chosen(study, None) == list(study.systems)
    with pytest.raises(InputError, match="--baseline: expected one of multi_task"):
        against(study, "wide")
    assert against(study, None) == study
    assert chosen(against(study, "mgcm"), ["shrink"]) == ["mgcm", "shrink"]


def test_a_size_may_train_some_of_the_systems(tmp_path: Path) -> None:
    study = read_study(edited(tmp_path, sizes={"small": {**SIZE, "systems": ["shrink", "multi_task"]}}), "small")
    assert chosen(study, None) == ["multi_task", "shrink"]
    assert chosen(study, ["imtl"]) == ["multi_task", "imtl"], "the others can be asked for"


def test_a_trial_keeps_to_its_options(tmp_path: Path) -> None:
    study = read_study(IMTL, "small")
    Trial(study, "shrink", 1, tmp_path / "corpus", tmp_path, "cpu").claim()
    Trial(study, "shrink", 1, tmp_path / "corpus", tmp_path, "cpu").claim()
    with pytest.raises(InputError, match="expected a trial with corpus"):
        Trial(study, "shrink", 1, tmp_path / "other", tmp_path, "cpu").claim()
    other = read_study(edited(tmp_path, options=[]), "small")
    with pytest.raises(InputError, match="expected a trial with options"):
        Trial(other, "shrink", 1, tmp_path / "corpus", tmp_path, "cpu").claim()
    Trial(study, "shrink", 1, tmp_path / "corpus", tmp_path, "cpu").claim()
    with pytest.raises(InputError, match=r"device cuda, found cpu\. Pass --device cpu, remove the folder"):
        Trial(study, "shrink", 1, tmp_path / "corpus", tmp_path, "cuda").claim()


@pytest.mark.parametrize("changes", [{"start": ["task.tasks=st"]}, {"sizes": {"small": {**SIZE, "start_updates": 9}}},
                                     {"sizes": {"small": {**SIZE, "start_updates": 0}}}])
def test_a_trial_keeps_to_what_it_began_with(tmp_path: Path, changes: dict[str, object]) -> None:
    study = read_study(edited(tmp_path, sizes={"small": {**SIZE, "start_updates": 5}}), "small")
    record = Path(tmp_path / "small" / "shrink-seed1" / "trial.json")
    Trial(study, "shrink", 1, tmp_path / "corpus", tmp_path, "cpu").claim()
    other = read_study(edited(tmp_path, **{"sizes": {"small": {**SIZE, "start_updates": 5}}, **changes}), "small")
    with pytest.raises(InputError, match="expected a trial with start"):
        Trial(other, "shrink", 1, tmp_path / "corpus", tmp_path, "cpu").claim()
    record.write_text(json.dumps({key: value for key, value in json.loads(record.read_text()).items()
                                  if key != "start"}))
    Trial(study, "shrink", 1, tmp_path / "corpus", tmp_path, "cpu").claim()  # of before it was recorded


def test_a_trial_keeps_to_the_options_of_its_plan(tmp_path: Path) -> None:
    study = read_study(CONFIGS / "studies" / "sharing.yaml", "small")
    Trial(study, "found", 1, tmp_path / "corpus", tmp_path, "cpu").claim()
    with pytest.raises(InputError, match="expected a trial with plan_options"):
        Trial(replace(study, plan=("--batches 9",)), "found", 1, tmp_path / "corpus", tmp_path, "cpu").claim()
    Trial(replace(study, plan=("--batches 9",)), "shared", 1, tmp_path / "corpus", tmp_path, "cpu").claim()
