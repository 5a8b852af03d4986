"""The corpus on disk and its command: MuST-C's layout, the same bytes whatever happens on the way, clear errors."""

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from mgcm_fairseq.common.lock import locked
from mgcm_fairseq.spoken.talks import GRID, plan
from mgcm_fairseq.spoken.text import Sizes, grammar_splits

ROOT = Path(__file__).parents[2]
SPLITS = {"train": 120, "dev": 9, "tst-COMMON": 8}
OPTIONS = ("--train", "120", "--dev", "9", "--test", "8", "--seed", "3")


def command(out: Path, *options: str) -> "subprocess.Popen[str]":
    """Starts the script on a plain environment."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, ROOT / "scripts" / "make_spoken_corpus.py", "--out", out, *options],
                            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(out: Path, *options: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    process = command(out, *options)
    output, errors = process.communicate()
    return process.returncode, output, errors


def digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("spoken") / "corpus"
    status, output, errors = run(out, *OPTIONS, "--processes", "1")
    assert status == 0, errors
    assert "120 train" in output
    assert "137/137" in errors  # the progress bar
    return out


def utterances(corpus: Path, split: str) -> list[dict[str, str | float]]:
    return yaml.safe_load((corpus / "en-de" / "data" / split / "txt" / f"{split}.yaml").read_text("utf-8"))


def test_layout_is_that_of_mustc(corpus: Path) -> None:
    data = corpus / "en-de" / "data"
    assert sorted(path.name for path in data.iterdir()) == ["dev", "train", "tst-COMMON"]
    for split, size in SPLITS.items():
        assert sorted(path.name for path in (data / split / "txt").iterdir()) == [
            f"{split}.de", f"{split}.en", f"{split}.yaml"]
        found = utterances(corpus, split)
        assert len(found) == size
        for language in ("en", "de"):
            assert len((data / split / "txt" / f"{split}.{language}").read_text("utf-8").splitlines()) == size
        assert {utterance["wav"] for utterance in found} == {path.name for path in (data / split / "wav").iterdir()}


def test_text_lines_belong_to_the_utterances(corpus: Path) -> None:
    splits = grammar_splits(Sizes(120, 9, 8), seed=3)
    for split, pairs in splits.items():
        folder = corpus / "en-de" / "data" / split / "txt"
        lines = [(folder / f"{split}.{language}").read_text("utf-8").splitlines() for language in ("en", "de")]
        assert list(zip(*lines, strict=True)) == pairs
        talks = [talk for talk in plan(splits, 3) if talk.split == split]
        assert [sentence for talk in talks for sentence in talk.sentences] == lines[0]
        names = [f"{talk.name}.wav" for talk in talks for _ in talk.sentences]
        assert names == [utterance["wav"] for utterance in utterances(corpus, split)]


def test_utterances_hold_the_speech_and_the_gaps_silence(corpus: Path) -> None:
    for split in SPLITS:
        for name in {str(utterance["wav"]) for utterance in utterances(corpus, split)}:
            path = corpus / "en-de" / "data" / split / "wav" / name
            info = soundfile.info(path)
            assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
            samples, _ = soundfile.read(path)
            end = 0
            for utterance in (utterance for utterance in utterances(corpus, split) if utterance["wav"] == name):
                offset, length = (float(utterance[key]) * 16_000 for key in ("offset", "duration"))
                assert offset % GRID == length % GRID == 0  # exact whether a reader rounds or truncates
                speech = samples[int(offset):int(offset + length)]
                assert len(speech) == length
                assert np.abs(speech).max() > 0.03
                assert not samples[end:int(offset)].any()
                assert int(offset) - end >= 3_200  # a pause of 0.2 s or more
                end = int(offset + length)
            assert not samples[end:].any()


def test_speakers_and_voices_of_dev_and_test_are_not_in_train(corpus: Path) -> None:
    speakers = {split: {str(utterance["speaker_id"]) for utterance in utterances(corpus, split)} for split in SPLITS}
    assert not speakers["train"] & (speakers["dev"] | speakers["tst-COMMON"])
    variants = {split: {speaker.rpartition("_")[2] for speaker in found} for split, found in speakers.items()}
    assert variants["dev"] == variants["tst-COMMON"] == {"m2", "f3", "m7"}
    assert not variants["train"] & variants["dev"]


def test_two_processes_write_the_same_bytes_as_one(corpus: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "two", *OPTIONS, "--processes", "2")[0] == 0
    assert digests(tmp_path / "two") == digests(corpus)


def test_a_killed_run_resumes_to_the_same_bytes(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    process = command(out, *OPTIONS, "--processes", "1")
    while not list(out.glob("spans/*.json")):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.wav")}
    assert not (out / "en-de" / "data" / "train" / "txt").exists()  # it was not finished
    status, _, errors = run(out, *OPTIONS)
    assert (status, digests(out)) == (0, digests(corpus)), errors
    done = {path for path, written in kept.items() if path.stat().st_mtime_ns == written}
    assert done  # what was finished was not spoken again


def children(pid: int) -> list[int]:
    try:
        lists = [path.read_text() for path in Path(f"/proc/{pid}").glob("t*/*/children")]  # of each of its threads
        return [int(child) for text in lists for child in text.split()]
    except OSError:  # it has ended
        return []


def test_a_speaking_process_that_is_killed_ends_the_run_which_goes_on(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    process = command(out, *OPTIONS, "--processes", "2")
    while not list(out.glob("spans/*.json")):
        assert process.poll() is None
        time.sleep(0.005)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:  # one that has just answered is missed by nobody
        for speaker in [child for server in children(process.pid) for child in children(server)]:
            with suppress(ProcessLookupError):
                os.kill(speaker, signal.SIGKILL)
        time.sleep(0.005)
    assert process.poll() is not None, "it waits for ever"
    _, errors = process.communicate()
    assert process.returncode == 2, errors
    assert "--processes: expected processes that live to the end of their work, found one that was killed by SIGKILL " \
        "while it spoke talk_" in errors
    assert "Traceback" not in errors
    kept = {path: path.stat().st_mtime_ns for path in out.glob("spans/*.json")}
    wavs = {path: path.stat().st_mtime_ns for path in out.rglob("*.wav") if out / "spans" / f"{path.stem}.json" in kept}
    assert wavs
    status, _, errors = run(out, *OPTIONS, "--processes", "1")
    assert (status, digests(out)) == (0, digests(corpus)), errors
    assert {path: path.stat().st_mtime_ns for path in wavs} == wavs, "what was finished was spoken again"


def marked(out: Path) -> bool:
    """Whether a process says that it speaks for the corpus."""
    path = out / ".spoken-corpus.processes"
    if not path.exists():
        return False
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def stopped_speakers(process: "subprocess.Popen[str]", out: Path) -> list[int]:
    """Processes of a run, stopped while one of them speaks."""
    while process.poll() is None:
        stopped = [child for server in children(process.pid) for child in children(server)] if marked(out) else []
        for speaker in stopped:
            with suppress(ProcessLookupError):
                os.kill(speaker, signal.SIGSTOP)
        if stopped and marked(out):
            return stopped
        resume(stopped)
        time.sleep(0.005)
    raise AssertionError("it ended before it could be stopped")


def resume(processes: list[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)


def test_a_speaker_that_outlives_its_run_is_awaited(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    process = command(out, *OPTIONS, "--processes", "1")
    stopped = stopped_speakers(process, out)
    process.kill()
    process.wait()  # its pipes stay open, for the speakers have them too
    again = command(out, *OPTIONS, "--processes", "1")
    assert again.stdout is not None
    assert again.stdout.readline().startswith(f"waiting for processes of an earlier spoken-corpus in {out} to end")
    resume(stopped)
    process.communicate()
    _, errors = again.communicate()
    assert (again.returncode, digests(out)) == (0, digests(corpus)), errors


def test_a_complete_corpus_is_left_alone(corpus: Path) -> None:
    assert not list(corpus.glob(".*")), "what was needed while it was made is gone"
    before = {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    status, output, _ = run(corpus, *OPTIONS)
    assert status == 0
    assert "is complete: nothing to do." in output
    assert "120 train" in output
    assert before == {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}


def test_other_options_on_an_existing_corpus_are_an_error(corpus: Path) -> None:
    before = digests(corpus)
    for options in ((*OPTIONS[:-1], "4"), ("--size", "50", "--seed", "3")):
        status, _, errors = run(corpus, *options)
        assert status == 2
        assert "expected no corpus, or one of the same text, sizes, seed and version, found another corpus" in errors
        assert "Traceback" not in errors
    assert digests(corpus) == before


def test_parallel_files_are_spoken(tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("".join(f"This is sentence {n}.\n" for n in range(22)) + "\n", encoding="utf-8")
    (tmp_path / "a.fr").write_text("".join(f"C'est la phrase {n}.\n" for n in range(22)) + "\n", encoding="utf-8")
    files = ("--source", str(tmp_path / "a.en"), "--target", str(tmp_path / "a.fr"))
    status, output, errors = run(tmp_path / "out", *files,
                                 "--target-lang", "fr", "--skip-bad", "--size", "22")
    assert status == 0, errors
    assert "12 train" in output
    folder = tmp_path / "out" / "en-fr" / "data" / "dev" / "txt"
    assert (folder / "dev.fr").read_text("utf-8").splitlines()[0] == "C'est la phrase 0."


@pytest.mark.parametrize(("options", "message"), [
    (("--size", "19"), "20 to 100000 in all"),
    (("--size", "100001"), "20 to 100000 in all"),
    (("--train", "20", "--dev", "0"), "at least 1 utterance in each split"),
    (("--size", "20", "--processes", "0"), "--processes: expected at least 1, found 0"),
    (("--size", "20", "--target-lang", "fr"), "--target-lang: expected de"),
    (("--size", "20", "--target-lang", "en"), "--target-lang: expected the code of a language that is not spoken"),
    (("--size", "20", "--target-lang", "yaml"), "such as de, found 'yaml'"),
    (("--size", "20", "--target-lang", "a/b"), "such as de, found 'a/b'"),
    (("--size", "20", "--skip-bad"), "--skip-bad: expected --source and --target beside it, found none."),
    (("--size", "20", "--source", "a.en"), "--source and --target: expected both or neither"),
    (("--size", "20", "--source", "a.en", "--target", "a.de"), "a.en: expected a text file"),
])
def test_bad_options_exit_2_with_a_message(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    status, _, errors = run(tmp_path / "out", *options)
    assert status == 2
    assert message in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_things_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    status, _, errors = run(tmp_path, "--size", "20")
    assert status == 2
    assert "a new or empty folder" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_two_at_once_in_a_folder_are_refused(tmp_path: Path) -> None:
    with locked(tmp_path / "corpus", "spoken-corpus"):
        status, _, errors = run(tmp_path / "corpus", "--size", "20")
    assert (status, "expected no other spoken-corpus at work here" in errors) == (2, True)
    assert run(tmp_path / "corpus", "--size", "20")[0] == 0  # beside the lock alone
