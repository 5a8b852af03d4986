"""scripts/export_system.sh: a folder that SimulEval runs wherever it lies, or no folder at all."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from mgcm_fairseq.commands import export
from tests.ending import status_of
from tests.fixtures import BIN, ENVIRONMENT, REPOSITORY, run

EXPORT = ("bash", "scripts/export_system.sh")


def simulate(corpus, folder, *options, cwd=REPOSITORY):
    """(text, delays) of the first test utterances."""
    lists = corpus / "simuleval"
    command = [BIN / "simuleval", *options, "--source", lists / "tst-COMMON.source", "--target",
               lists / "tst-COMMON.target", "--source-segment-size", "320", "--end-index", "4", "--no-scoring",
               "--output", folder]
    subprocess.run([str(part) for part in command], cwd=cwd, env=ENVIRONMENT, check=True, capture_output=True)
    logged = [json.loads(line) for line in (folder / "instances.log").read_text().splitlines()]
    return [(one["prediction"], one["delays"]) for one in logged]


@pytest.fixture
def elsewhere(tiny_corpus, tiny_segmenting_checkpoint, tmp_path):
    """Makes a checkpoint that was trained on a corpus, and started from a wav2vec 2.0 file, that are gone."""
    state = torch.load(tiny_segmenting_checkpoint)
    copied = tmp_path / "training" / "en-de"
    copied.mkdir(parents=True)
    for path in tiny_corpus.iterdir():
        if path.name.startswith(("spm_", "config")):
            shutil.copy(path, copied)
    state["cfg"]["task"]["data"] = str(copied)
    state["cfg"]["model"]["w2v_path"] = str(copied.parent / "wav2vec.pt")
    torch.save(state, copied.parent / "model.pt")
    return copied.parent / "model.pt"


@pytest.mark.parametrize(("policy", "file", "options"), [
    ("wait-segment", "wait_segment.py", ("--lag", "2")),
    ("alignatt", "alignatt.py", ("--frames", "3", "--step-ms", "400", "--bf16")),
])
def test_a_moved_folder_runs_as_the_agent_does(elsewhere, tiny_corpus, tmp_path, policy, file, options):
    expected = simulate(tiny_corpus, tmp_path / "agent", "--agent", REPOSITORY / "mgcm_fairseq" / "agents" / file,
                        "--checkpoint", elsewhere, *options)
    assert any(delays for _, delays in expected)
    run(*EXPORT, "--checkpoint", elsewhere, "--policy", policy, "--out", tmp_path / "made" / "here", "--", *options)
    shutil.rmtree(elsewhere.parent)
    moved = (tmp_path / "made").rename(tmp_path / "moved to") / "here"
    assert simulate(tiny_corpus, tmp_path / "exported", "--system-dir", moved, cwd=tmp_path) == expected
    assert simulate(tiny_corpus, tmp_path / "relative", "--system-dir", "here", cwd=moved.parent) == expected


def test_the_folder_holds_what_is_needed_and_no_more(tiny_corpus, tiny_segmenting_checkpoint, tmp_path):
    out = tmp_path / "out"
    run(*EXPORT, "--checkpoint", tiny_segmenting_checkpoint, "--corpus", tiny_corpus, "--policy", "edatt", "--out", out,
        "--", "--threshold", "0.25")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert {path.name for path in out.iterdir()} == {"model.pt", "config.yaml", "main.yaml", "simulstream.yaml",
                                                     "spm_unigram200.model", "spm_unigram200.txt"}
    assert yaml.safe_load((out / "main.yaml").read_text()) == {
        "agent_class": "mgcm_fairseq.agents.edatt.EDAttAgent", "checkpoint": "model.pt", "corpus": ".",
        "step_ms": 320, "beam": 1, "threshold": 0.25, "frames": 2}
    before, after = (torch.load(path) for path in (tiny_segmenting_checkpoint, out / "model.pt"))
    assert "last_optimizer_state" in before
    assert "last_optimizer_state" not in after
    assert all(torch.equal(value, after["model"][name]) for name, value in before["model"].items())


@pytest.mark.parametrize(("policy", "options", "message"), [
    ("wait-segment", ("--lag", "2"), "expected a model trained with --segmentation-variant, past --segment-from"),
    ("wait-k", (), "the following arguments are required: --wait-k"),
    ("wait-k", ("--wait-k", "0"), "--wait-k: expected k of at least 1"),
    ("wait-k", ("--wait-k", "1", "--lag", "1"), "unrecognized arguments: --lag 1"),
    ("offline", ("--corpus", "/elsewhere"), "expected neither --checkpoint nor --corpus"),
])
def test_what_does_not_fit_leaves_nothing(tiny_checkpoint, tmp_path, policy, options, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["export", "--checkpoint", str(tiny_checkpoint), "--policy", policy, "--out",
                                      str(tmp_path / "out"), "--", *options])
    assert status_of(export.main) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("out", [".", "/"])
def test_a_folder_that_is_there_is_refused(tiny_checkpoint, tmp_path, out, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["export", "--checkpoint", str(tiny_checkpoint), "--policy", "offline",
                                      "--out", out])
    monkeypatch.chdir(tmp_path)
    assert status_of(export.main) == 2
    assert "--out: expected a folder that does not exist yet" in capsys.readouterr().err


def test_a_copy_that_fails_leaves_nothing(tiny_corpus, tiny_checkpoint, tmp_path, monkeypatch):
    def fail(*content):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", fail)
    args = export.agent_args("offline", tiny_checkpoint, tiny_corpus, [])
    with pytest.raises(OSError, match="no space left"):
        export.export("offline", args, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_refused(tmp_path):
    failed = run(*EXPORT, "--checkpoint", tmp_path / "none.pt", "--policy", "offline", "--out", tmp_path, check=False)
    assert failed.returncode == 2
    assert "--out: expected a folder that does not exist yet" in failed.stderr
