"""fairseq-train with --conflict-rule: what it logs, what it records, and that it resumes exactly."""

import json
import logging
import re
import shutil
import sys

import pytest
import torch

from mgcm_fairseq.training.screen import WIDTH
from tests.fixtures import BIN, REPOSITORY, run, training_command
from tests.training.here import train_here, weights

SEGMENTING = ("--segmentation-variant", "repaired", "--segment-number-from", "0")
RULES = ("mgcm", "pcgrad", "gradvac", "torchjd:UPGrad")


@pytest.fixture(scope="module")
def trained(tiny_corpus, tmp_path_factory):
    """What MGCM printed, and the file that it wrote."""
    folder = tmp_path_factory.mktemp("mgcm")
    found = run(*training_command(
        tiny_corpus, folder, 6, "--disable-validation", "--no-save", "--conflict-rule", "mgcm", "--log-interval", "1",
        *SEGMENTING,
        "--conflict-log", str(folder / "conflicts.jsonl"), "--conflict-log-interval", "2",
        "--log-file", str(folder / "log"), "--tensorboard-logdir", str(folder / "tensorboard")))
    return found.stdout + found.stderr, folder


def test_screen_shows_what_matters(trained):
    text, _ = trained
    lines = [line for line in text.splitlines() if re.match(r"(epoch \d+ ends, )?update \d", line)]
    assert len(lines) > 6
    assert not re.search("train_inner|st_nll=", text)
    for line in lines:
        assert len(line) <= WIDTH
        assert re.search(r"update \d+  [\d.]+/s  loss [\d.]+(  (st|asr|mt) [\d.]+ \d+%){3}  ", line)
        assert re.search(r"  ctc [\d.]+(  segments \d+%)?$", line)
    shares = [re.search(r"  conflict asr (\d+)% mt (\d+)%  ", line).groups() for line in lines if int(
        re.search(r"update (\d+)", line)[1]) > 2]
    assert len(shares) > 4
    assert all(0 <= int(share) <= 100 for pair in shares for share in pair)


def test_log_file_shows_conflicts_by_task_and_component(trained):
    _, folder = trained
    lines = [line for line in (folder / "log").read_text().splitlines() if re.search(r"\d / \d+ loss=", line)]
    assert len(lines) == 6, "each once, whatever the number of epochs"
    assert not any("=None" in line for line in lines)
    for line in lines[2:]:
        for task in ("asr", "mt"):
            for component in ("attention", "ffn", "norm"):
                rate = float(re.search(rf"{task}_{component}_conflict=([\d.]+)", line)[1])
                cosine = float(re.search(rf"{task}_{component}_cosine=(-?[\d.]+)", line)[1])
                assert 0 <= rate <= 100
                assert -1 <= cosine <= 1


def test_epochs_line_shows_them_by_layer_too(trained):
    _, folder = trained
    line = [line for line in (folder / "log").read_text().splitlines() if " | train_wall " in line][-1]
    assert "None" not in line
    for layer in ("encoder.layers.1", "decoder.layers.0"):
        for component in ("attention", "ffn", "norm"):
            assert re.search(rf"mt/{component}/{layer}/conflict [\d.]+", line)


def test_tensorboard_gets_them(trained):
    _, folder = trained
    events = b"".join(path.read_bytes() for path in folder.rglob("events*"))
    assert b"asr_attention_conflict" in events
    assert b"mt/ffn/encoder.layers.0/cosine" in events


def test_file_agrees_with_itself(trained):
    _, folder = trained
    header, *records = [json.loads(line) for line in (folder / "conflicts.jsonl").read_text().splitlines()]
    assert header["tasks"] == ["st", "asr", "mt"]
    assert [record["update"] for record in records] == [2, 4, 6]
    for record in records:
        assert record["passes"] == 2
        for group in record["quantities"]:
            for present, conflict, cosine, removed in group:
                assert 0 <= conflict <= present <= 2
                assert abs(cosine) <= present
                assert 0 <= removed <= present
                assert (removed > 0) == (conflict > 0)
        counted = sum(present for group in record["quantities"] for present, *_ in group)
        assert sum(sum(sum(of_task) for of_task in of_component) for of_component in record["histogram"]) == counted
    assert all(len(record["noise"]) == len(header["groups"]) for record in records[:2])


def test_figures_of_the_file(trained, tmp_path):
    _, folder = trained
    run(sys.executable, "scripts/plot_conflicts.py", folder / "conflicts.jsonl", "--out", tmp_path)
    for name in ("by_layer", "cosines", "over_time", "weights", "consistency"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads((tmp_path / "consistency.json").read_text())
    assert found["updates"] == [2, 4, 6]
    for part, of_part in found["parts"].items():
        assert of_part["modules"] > 1
        assert (of_part["tasks"]["mt"]["cosine"] is None) == (part == "front end"), "MT hears nothing"
        assert all(-1 <= of_part["tasks"][task]["cosine"] <= 1 for task in ("asr", "mt")
                   if part != "front end" or task == "asr")
        assert -1 <= of_part["noise"] <= 1
        assert (of_part["whole"]["mt"] is None) == (part == "front end")
        assert -1 <= of_part["whole"]["asr"] <= 1
        assert -1 <= of_part["whole"]["noise"] <= 1
    assert "| front end | " in (tmp_path / "consistency.md").read_text()


@pytest.mark.parametrize("rule", RULES)
def test_rules_resume_exactly(tiny_corpus, tmp_path, rule, caplog):
    options = ("--disable-validation", "--conflict-rule", rule, "--save-interval-updates", "3")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = weights(train_here(tiny_corpus, whole, 5, *options))
    parts.mkdir()
    shutil.copy(whole / "checkpoint_1_3.pt", parts / "checkpoint_last.pt")
    caplog.set_level(logging.INFO)
    found = weights(train_here(tiny_corpus, parts, 5, *options))
    assert "@ 3 updates" in caplog.text
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_resumed_training_of_other_options_does_not_mix_with_the_file(tiny_corpus, trained):
    _, folder = trained
    failed = run(*training_command(
        tiny_corpus, folder, 2, "--disable-validation", "--no-save", "--conflict-rule", "discard", *SEGMENTING,
        "--conflict-log", str(folder / "conflicts.jsonl")), check=False)
    assert failed.returncode != 0
    assert "found rule mgcm where this has discard. Give --conflict-log a new name" in failed.stderr


def test_a_log_without_a_rule_is_refused(tiny_corpus, tmp_path):
    failed = run(*training_command(tiny_corpus, tmp_path, 2, "--no-save", "--conflict-log", str(tmp_path / "log")),
                 check=False)
    assert failed.returncode != 0
    assert "Add --conflict-rule mgcm" in failed.stderr


def test_hydra_takes_the_same_keys(tiny_corpus, tmp_path):
    found = run(BIN / "fairseq-hydra-train", "--config-dir", REPOSITORY / "configs", "--config-name", "demo",
                f"task.data={tiny_corpus}", "task.conflict_rule=mgcm", "task.conflict_granularity=layer",
                "task.conflict_log_interval=1", "optimization.max_update=3", "common.log_interval=1",
                f"checkpoint.save_dir={tmp_path}", "checkpoint.no_save=true", "dataset.disable_validation=true",
                f"hydra.run.dir={tmp_path}")
    assert re.search(r"(?m)^update 3  .*  conflict asr \d+% mt \d+%", found.stdout)
    assert "asr_attention_conflict" in (tmp_path / "hydra_train.log").read_text()
