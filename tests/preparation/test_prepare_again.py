"""Preparation again: nothing is done twice, what changed is done anew, and what SIGKILL ended goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mgcm_fairseq.commands.prepare import main
from tests.fixtures import REPOSITORY
from tests.preparation.preparing import arguments, contents, written


def test_a_second_run_changes_nothing(corpus, capsys):
    assert main(arguments(corpus)) == 0
    before = written(corpus)
    table = capsys.readouterr().out.split("\n\n")[1]
    assert main(arguments(corpus)) == 0
    after = written(corpus)
    report = Path("prep_report.json")  # written anew from the same counts
    assert after.pop(report)[1] == before.pop(report)[1]
    assert after == before
    steps, again = capsys.readouterr().out.split("\n\n")
    assert again == table
    assert steps.count("up to date") == len(steps.splitlines()) == 6


@pytest.mark.parametrize("name", ["txt/train.en", "wav/ted_1.wav"])
def test_a_changed_input_is_prepared_again(corpus, name, capsys):
    assert main(arguments(corpus)) == 0
    capsys.readouterr()
    path = corpus.pair / "data" / "train" / name
    path.write_bytes(path.read_bytes() if path.suffix == ".wav" else path.read_bytes().replace(b"old", b"new"))
    assert main(arguments(corpus)) == 0
    steps = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert [step for step in steps if "done" in step] == ["train: done", "vocabulary: done"]
    assert "dev: up to date" in steps


def test_a_smaller_split_leaves_no_old_wavs(corpus):
    assert main(arguments(corpus)) == 0
    for suffix in ("yaml", "en", "de"):
        path = corpus.txt("dev", suffix)
        path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:2]), encoding="utf-8")
    assert main(arguments(corpus)) == 0
    assert len((corpus.pair / "simuleval" / "dev.source").read_text().splitlines()) == 2
    assert len(list((corpus.pair / "simuleval" / "dev").iterdir())) == 2


def test_a_moved_corpus_gets_lists_with_its_new_paths(corpus):
    assert main(arguments(corpus)) == 0
    moved = type(corpus)(corpus.root.with_name("moved"))
    corpus.root.rename(moved.root)
    assert main(arguments(moved)) == 0
    for path in (moved.pair / "simuleval" / "dev.source").read_text().splitlines():
        assert Path(path).is_relative_to(moved.root)
        assert Path(path).is_file()


@pytest.mark.parametrize("reached", ["train.tsv", "spm_unigram50.model", "simuleval/dev.source"])
def test_a_killed_run_completes_when_run_again(corpus, tmp_path, reached):
    command = [sys.executable, "-m", "mgcm_fairseq.commands.prepare", *arguments(corpus)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (corpus.pair / reached).exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() in (-signal.SIGKILL, 0)
    assert main(arguments(corpus)) == 0
    resumed = contents(corpus)
    for path in [*(corpus.pair / name for name in resumed), corpus.pair / ".prep_steps.json"]:
        path.unlink(missing_ok=True)
    assert main(arguments(corpus)) == 0
    assert resumed == contents(corpus)
