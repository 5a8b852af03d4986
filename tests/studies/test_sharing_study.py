"""The study `sharing` in miniature, from raw audio to the tables: killed in a training, and gone on with."""

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.data.sharing_plan import read_plan
from mgcm_fairseq.decoding.system import load_system
from tests.fixtures import run
from tests.modules.networks import speech
from tests.several_languages import LANGUAGES

TINY = ["dataset.max_tokens=160000", "checkpoint.save_interval_updates=1", "model.model_dim=16", "model.ffn_dim=24",
        "model.attention_heads=2", "model.encoder_layers=1", "model.decoder_layers=1",
        "optimization.lr=[1e-8]"]  # so that a system ends with what it begins with
RUN = "offline-1"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """sharing.yaml with a tiny network and few updates. Of so little the published analysis alone finds groups."""
    found = yaml.safe_load((CONFIGS / "studies" / "sharing.yaml").read_text())
    small = found["sizes"]["small"]
    found |= {"average": 2, "runs": ["offline:1"],
              "systems": {"shared": [], "found": ["plan=found"], "like_found": ["plan=reference"]},
              "plan": ["--batches 8 --utterances 1", "--sharing-variant published"],
              "start": [*found["start"], "optimization.lr=[0.002]"],
              "sizes": {"tiny": {**small, "updates": 2, "start_updates": 2, "seeds": [1],
                                 "options": [*small["options"], *TINY]}}}
    path = tmp_path_factory.mktemp("sharing") / "tiny.yaml"
    path.write_text(yaml.safe_dump(found, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def corpus(two_languages_twice: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The languages have other translations in the test set: a network that knows nothing writes the same in both."""
    folder = tmp_path_factory.mktemp("sharing_corpus") / "corpus"
    shutil.copytree(two_languages_twice, folder)
    manifest = folder / "qaa-de" / "tst-COMMON.tsv"
    manifest.write_text(manifest.read_text().replace("Der Hund", "öööööööööö"))
    return folder


@pytest.fixture(scope="module")
def folder(study: Path, corpus: Path) -> Path:
    """Of a study that was killed while `found` was trained, and went on."""
    out = study.parent / "out"
    command = [str(study), "--size", "tiny", "--corpus", str(corpus), "--out", str(out), "--jobs", "1"]
    ended = run(sys.executable, "-m", "tests.studies.forked_study", json.dumps(
        [[str(study.parent / "killed.txt"), "found-seed1", command], [str(study.parent / "gone_on.txt"), "", command]]))
    assert ended.stdout.split() == ["-9", "0"], (study.parent / "gone_on.txt").read_text()
    return out / "tiny"


def test_the_plan_is_made_from_the_starts_model(folder: Path) -> None:
    plan = read_plan(folder / "plan-seed1" / "found.yaml")
    assert plan.source.checkpoint == hashlib.sha256((folder / "start-seed1" / "model.pt").read_bytes()).hexdigest()
    assert [sorted(layer.groups.values()) for layer in plan.layers] == [[("qaa",), ("qab",)]]


def test_a_grouped_system_begins_with_the_starts_outputs(folder: Path) -> None:
    """And ends with them: its rate is next to nothing."""
    start, shared, found = (load_system(folder / f"{name}-seed1" / "model.pt", None)
                            for name in ("start", "shared", "found"))
    assert found.network.encoder.layers[0].private is not None
    waveform = speech([20_000])[0][0]
    for language in LANGUAGES:
        expected = start.hearing(language).encode(waveform).states
        for system in (shared, found):
            states = system.hearing(language).encode(waveform).states
            assert 0 < (states - expected).abs().max() < 1e-4 * expected.abs().max()


def test_the_figures_of_each_language_are_told(folder: Path) -> None:
    told = json.loads((folder / "study.json").read_text())
    assert told["missing"] == []
    assert [trial["system"] for trial in told["trials"]] == ["shared", "found", "like_found"]
    for trial in told["trials"][:2]:
        home = folder / f"{trial['system']}-seed1" / "evaluation"
        for language in LANGUAGES:
            (greedy,) = json.loads((home / language / "results.json").read_text())["offline"].values()
            assert trial["by_language"][language][RUN]["chrF"] == greedy["chrF"]
        assert trial["by_language"]["qaa"] != trial["by_language"]["qab"]
        assert trial["figures"][RUN]["chrF"] == pytest.approx(
            sum(trial["by_language"][language][RUN]["chrF"] for language in LANGUAGES) / len(LANGUAGES))
        assert [updates for updates, *_ in trial["dev"]] == [1, 2]
    assert set(told["systems"]["found"]["by_language"]) == set(LANGUAGES)
    (plan,) = told["plans"]
    assert [sorted(one["groups"]) for one in plan["split"]] == [[["qaa"], ["qab"]]]
    assert (folder / "study.md").read_text() in (folder.parent.parent / "gone_on.txt").read_text()


def test_a_killed_study_goes_on(folder: Path) -> None:
    killed, gone_on = ((folder.parent.parent / name).read_text() for name in ("killed.txt", "gone_on.txt"))
    assert "plan-seed1: plan" in killed
    assert "shared-seed1: done" in killed
    assert not re.search("(start|shared)-seed1: train|plan-seed1: plan", gone_on), "done already"
    assert "found-seed1: train" in gone_on
    assert re.search(r"Loaded checkpoint .*/found-seed1/checkpoints/checkpoint_last.pt \(epoch 1 @ 1 updates\)",
                     (folder / "found-seed1" / "train.out").read_text())
    shared, found, _ = json.loads((folder / "study.json").read_text())["trials"]
    assert shared["cpu_seconds"] > 0
    assert found["cpu_seconds"] is None


def test_what_is_the_same_training_is_not_done_twice_and_that_is_told(folder: Path) -> None:
    for name in ("killed.txt", "gone_on.txt"):
        assert "like_found-seed1: same plan as found: not trained again\n" in (folder.parent.parent / name).read_text()
    assert [path.name for path in (folder / "like_found-seed1").iterdir()] == ["trial.json"]
    _, found, same = json.loads((folder / "study.json").read_text())["trials"]
    assert same == {**found, "system": "like_found", "same_plan_as": "found"}
    assert "\nlike_found, seed 1: same plan as found: not trained again.\n" in (folder / "study.md").read_text()
