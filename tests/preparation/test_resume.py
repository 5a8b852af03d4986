"""Preparation stopped by SIGKILL, by several processes, by two at once: nothing redone, lost, doubled or torn."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from mgcm_fairseq.commands.prepare import main
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.lock import locked
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.preparation.parallel import ProcessPool
from tests.data.sounds import noise, write_sound
from tests.fixtures import ENVIRONMENT, REPOSITORY

TALKS = 6


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """MuST-C's layout with wavs that have to be converted, long enough for a signal to come between two of them."""
    folder = tmp_path_factory.mktemp("corpus")
    for split, talks in (("train", TALKS), ("dev", 1), ("tst-COMMON", 1)):
        texts = folder / "en-de" / "data" / split / "txt"
        texts.mkdir(parents=True)
        rows = [(talk, rank) for talk in range(talks) for rank in range(4)]
        (texts / f"{split}.yaml").write_text("".join(
            f"- {{duration: 1.5, offset: {2 * rank}.25, speaker_id: s{talk}, wav: t{talk}.wav}}\n"
            for talk, rank in rows))
        (texts / f"{split}.en").write_text("".join(f"Talk {talk} says its {rank}.\n" for talk, rank in rows))
        (texts / f"{split}.de").write_text("".join(f"Rede {talk} sagt ihr {rank}.\n" for talk, rank in rows))
        for talk in range(talks):
            write_sound(texts.parent / "wav" / f"t{talk}.wav", noise(40, talk, 44_100), 44_100)
    return folder


def arguments(root, out, *more):
    return ["--root", str(root), "--out", str(out), "--lang", "de", "--vocab-size", "50", "--processes", "1", *more]


def contents(folder):
    """Of every file that does not hold times or absolute paths."""
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != ".prep_steps.json" and path.suffix != ".source"}


@pytest.fixture(scope="module")
def uninterrupted(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    assert main(arguments(root, out)) == 0
    return contents(out)


def start(root, out):
    command = [sys.executable, "-m", "mgcm_fairseq.commands.prepare", *arguments(root, out, "--processes", "2")]
    return subprocess.Popen(command, env=ENVIRONMENT, cwd=REPOSITORY, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def await_file(process, folder, pattern):
    while not any(folder.glob(pattern)):
        assert process.poll() is None, f"ended before there was {pattern}"
        time.sleep(0.001)


@pytest.mark.parametrize("moment", ["audio/train/*.tmp", "audio/train/*.json", "audio/dev/*", "train.tsv"])
def test_killed_at_any_moment_it_goes_on(root, uninterrupted, tmp_path, moment):
    process = start(root, tmp_path)
    await_file(process, tmp_path, moment)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "prep_report.json").exists(), "killed too late to show anything"
    finished = {path: path.with_suffix(".wav").stat().st_mtime_ns for path in tmp_path.glob("audio/*/*.json")}
    assert main(arguments(root, tmp_path)) == 0
    assert contents(tmp_path) == uninterrupted  # and so no *.tmp
    assert {path: path.with_suffix(".wav").stat().st_mtime_ns for path in finished} == finished


def test_the_number_of_processes_changes_no_byte(root, uninterrupted, tmp_path):
    assert main(arguments(root, tmp_path, "--processes", "3")) == 0
    assert contents(tmp_path) == uninterrupted


def test_packs_hold_the_same_sound(root, uninterrupted, tmp_path, monkeypatch):
    monkeypatch.setattr("mgcm_fairseq.preparation.audio.LONGEST", 16_000 * 90)  # two talks, not three
    assert main(arguments(root, tmp_path / "packed", "--pack")) == 0
    assert main(arguments(root, tmp_path / "talks")) == 0
    packed, talks = (read_manifest(tmp_path / name / "train.tsv") for name in ("packed", "talks"))
    assert len({row.audio.path for row in packed}) == TALKS / 2
    assert [row.id for row in packed] == [row.id for row in talks]
    for one, other in zip(packed, talks, strict=True):
        assert one.audio.read().tobytes() == other.audio.read().tobytes()


def test_audio_of_utterances_that_are_gone_is_removed(root, tmp_path, monkeypatch):
    monkeypatch.setattr("mgcm_fairseq.preparation.audio.LONGEST", 16_000 * 90)
    assert main(arguments(root, tmp_path, "--pack")) == 0
    monkeypatch.setattr("mgcm_fairseq.preparation.audio.LONGEST", 16_000 * 300)
    assert main([*arguments(root, tmp_path, "--pack"), "--skip-bad"]) == 0
    left = sorted(path.name for path in (tmp_path / "audio" / "train").iterdir())
    assert left == ["pack_00000.json", "pack_00000.wav"]


def test_two_at_once_in_a_folder_are_one_too_many(root, tmp_path, capsys):
    process = start(root, tmp_path)
    await_file(process, tmp_path, "audio/train/*")
    assert main(arguments(root, tmp_path)) == 2
    assert f"{tmp_path}: expected no other preparation at work here, found one that holds .preparation.lock" in (
        capsys.readouterr().err)
    process.kill()
    process.wait()
    with locked(tmp_path, "preparation"):  # free at once
        pass


def test_results_come_in_order_and_jobs_are_read_as_they_are_needed(tmp_path):
    read = []

    def jobs():
        for number in range(200):
            read.append(number)
            yield number

    with ProcessPool(2, tmp_path) as processes:
        results = processes.in_order(str, jobs())
        assert next(results) == "0"
        assert len(read) < 20
        assert [*results] == [str(number) for number in range(1, 200)]


def _end_this_process(_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_is_an_error_and_no_wait_for_ever(tmp_path):
    said = "--processes: expected processes that live"
    with ProcessPool(2, tmp_path) as processes, pytest.raises(InputError, match=said) as raised:
        list(processes.in_order(_end_this_process, range(4)))
    assert isinstance(raised.value.__cause__, BrokenProcessPool)


def _hears_ctrl_c(_):
    return signal.getsignal(signal.SIGINT) != signal.SIG_IGN


def test_no_process_but_the_first_hears_ctrl_c(tmp_path):
    with ProcessPool(2, tmp_path) as processes:  # an idle one would add a traceback to the first one's line
        assert not any(processes.in_order(_hears_ctrl_c, range(4)))


def _ends(pid):
    """Whether the process is gone within a while; a zombie is."""
    for _ in range(1000):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or before it was read
            return True
        time.sleep(0.01)
    return False


def test_no_process_outlives_a_killed_preparation(root, tmp_path):
    process = start(root, tmp_path)
    await_file(process, tmp_path, "audio/train/*.tmp")
    writers = {int(path.name.split(".")[-2]) for path in tmp_path.glob("audio/train/*.tmp")}
    process.kill()
    process.wait()
    assert writers
    assert all(_ends(pid) for pid in writers)


def test_the_report_counts_what_was_converted(root, uninterrupted):
    report = json.loads(uninterrupted[Path("prep_report.json")])
    assert {split: report[split]["converted"] for split in ("train", "dev", "tst-COMMON")} == {
        "train": TALKS, "dev": 1, "tst-COMMON": 1}
