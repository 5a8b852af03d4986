"""scripts/demo.sh from the corpus to the table, in miniature; and a second run that does nothing again."""

import json
import os
import re
import signal
import subprocess
import time

import pytest
import torch

from tests.fixtures import ENVIRONMENT, REPOSITORY, run

TINY = ("--train", "40", "--test", "5", "--updates", "20")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "run"
    return folder, run("bash", "scripts/demo.sh", "--out", folder, *TINY)


def test_results_have_the_promised_form(demo):
    folder, first = demo
    results = json.loads((folder / "results.json").read_text())
    assert set(results) == {"offline", "simul", "environment"}
    assert set(results["offline"]) == {"greedy", "beam5"}
    assert all(score["signature"].startswith("nrefs:1") for score in results["offline"].values())
    points = {policy: [row["point"] for row in results["simul"] if row["policy"] == policy]
              for policy in ("wait-segment", "wait-k", "alignatt")}
    assert points == {"wait-segment": list(range(1, 16, 2)), "wait-k": [1, 3, 5], "alignatt": [2, 4, 8]}
    for row in results["simul"]:
        assert {"policy", "point", "BLEU", "AL", "LAAL", "AP", "DAL", "ATD", "YAAL", "AL_CA", "before_end"} <= set(row)
    assert results["environment"]["utterances"] == 5
    assert (folder / "bleu_al.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "table.md").read_text() in first.stdout
    assert first.stdout.splitlines()[-1].endswith(f": bash scripts/serve.sh --checkpoint {folder}/model.pt")
    talks = json.loads((folder / "talks" / "results.json").read_text())["simul"]
    assert [(row["policy"], row["point"]) for row in talks] == [
        ("alignatt", 4), ("alignatt", 8), ("wait-k", 5), ("wait-segment", 3), ("wait-segment", 5)]
    assert all({"BLEU", "LongYAAL", "band", "empty", "negative_delays", "RTF"} <= set(row) for row in talks)
    assert (folder / "talks" / "table.md").read_text() in first.stdout
    segments = json.loads((folder / "segments.json").read_text())
    assert all(segments[group]["ratio"] > 0 for group in ("short", "long"))


def test_both_workers_scored_the_whole_validation_set(demo):
    folder, _ = demo
    validated = [line for line in (folder / "train.log").read_text().splitlines() if "valid on 'dev'" in line]
    assert validated
    assert all("| scored 3 |" in line for line in validated)  # half as many as are tested


def test_the_screen_shows_whole_fields_of_a_validation(demo):
    _, first = demo
    shown = [line for line in first.stdout.splitlines() if "valid on 'dev'" in line]
    assert shown
    left_out = {"wps", "ups", "wpb", "bsz"}
    assert [line for line in shown if "|" in line.replace(" | ", "") or left_out & set(line.split())] == []
    lines = [line for line in first.stdout.splitlines() if str(demo[0].parent) not in line]  # a path may be long
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == [], "tables of talks are wider"
    assert re.search(r"(?m)^epoch \d+ ends, update 20  .*  conflict asr \d+% mt \d+%", first.stdout)
    assert all(" | bleu " in line and " | num_updates " in line for line in shown)


def test_a_second_run_repeats_nothing(demo):
    folder, _ = demo
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.pt")}
    again = run("bash", "scripts/demo.sh", "--out", folder, *TINY)
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*.pt")}
    assert (folder / "table.md").read_text() in again.stdout


def run_until(reached, command):
    """Kills the demo, with all that it started, once a file is there."""
    process = subprocess.Popen(command, cwd=REPOSITORY, env=ENVIRONMENT, start_new_session=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not reached.exists():
        assert process.poll() is None, f"the demo ended before there was {reached}"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_in_training_it_ends_with_the_same_weights(demo, tmp_path):
    out = tmp_path / "run"
    command = ["bash", "scripts/demo.sh", "--out", str(out), *TINY]
    run_until(out / "checkpoints" / "checkpoint_last.pt", command)
    assert not (out / "model.pt").exists(), "killed too late to show anything"
    run_until(out / "model.pt", command)  # which is written whole
    assert "Loaded checkpoint" in (out / "train.log").read_text()
    ours, theirs = (torch.load(folder / "model.pt")["model"] for folder in (out, demo[0]))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_it_goes_on_where_a_kill_left_its_options_empty(demo, tmp_path):
    (tmp_path / "options").touch()
    failed = run("bash", "scripts/demo.sh", "--out", tmp_path, "--train", "1", "--test", "1", check=False)
    assert "holds a demo" not in failed.stderr
    assert "--size, --train, --dev, --test: expected at least" in failed.stderr, "it went on"


def test_a_folder_is_looked_up_where_the_user_stands(demo):
    folder, first = demo
    asked = subprocess.run(["bash", REPOSITORY / "scripts" / "demo.sh", "--out", folder.name, "--updates", "30"],
                           cwd=folder.parent, env=ENVIRONMENT, capture_output=True, text=True)
    assert f"{folder} holds a demo with train 40" in asked.stderr
    assert f"bash scripts/translate.sh --checkpoint {folder}/model.pt {folder}/corpus/" in first.stdout


def test_other_options_in_the_same_folder_are_refused(demo):
    folder, _ = demo
    failed = run("bash", "scripts/demo.sh", "--out", folder, "--updates", "30", check=False)
    assert failed.returncode == 2
    assert "holds a demo with train 40" in failed.stderr


@pytest.mark.parametrize("arguments", [["--what"], ["--out"], ["--updates", "9"], ["--train", "many"]])
def test_unknown_options_are_refused(arguments):
    failed = run("bash", "scripts/demo.sh", *arguments, check=False)
    assert failed.returncode == 2
    assert arguments[0] in failed.stderr


@pytest.mark.parametrize(("options", "told"), [
    (("--training", "multi"), {"conflict_rule": "none", "tasks": "st,asr,mt", "differentiable_waiting": True}),
    (("--training", "single", "--variant", "published"),
     {"conflict_rule": "none", "tasks": "st", "segmentation_variant": "published", "differentiable_waiting": False})],
    ids=["multi", "single, published"])
def test_variations_train_and_are_scored(tmp_path, options, told):
    run("bash", "scripts/demo.sh", "--out", tmp_path, "--train", "40", "--test", "2", "--updates", "20", *options)
    trained = torch.load(tmp_path / "model.pt", weights_only=False)["cfg"]
    known = {**trained["task"], **trained["criterion"], **trained["model"]}
    assert {name: getattr(known[name], "value", known[name]) for name in told} == told
    assert len(json.loads((tmp_path / "results.json").read_text())["simul"]) == 14
