"""What several test files share: a tiny spoken corpus, prepared, and a small model trained on it by fairseq-train."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.warm.start import warm_python

REPOSITORY = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
HELD_OUT = 7  # utterances in dev and in tst-COMMON: no multiple of 8, fairseq's default for a batch

Run = Callable[..., "subprocess.CompletedProcess[str]"]

ENVIRONMENT = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1",
               "PYTHONUTF8": "1"}


def run(*command: str | Path, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Runs a command in the repository with this Python's programs, warm; shows its output if it fails."""
    words = [str(part) for part in command]
    python = warm_python()
    if words[0] == sys.executable:
        words[0] = python
    elif Path(words[0]).parent == BIN:
        words.insert(0, python)
    result = subprocess.run(words, cwd=REPOSITORY, env={**ENVIRONMENT, "PYTHON": python}, text=True,
                            capture_output=True, stdin=subprocess.DEVNULL)
    assert not check or result.returncode == 0, f"{command}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result


def training_command(data: Path, folder: Path, updates: int, *more: str) -> list[str]:
    """fairseq-train on the tiny corpus in the demo's shape."""
    return [str(BIN / "fairseq-train"), str(data), "--user-dir", "mgcm_fairseq", "--task", "simul_st",
            "--arch", "simul_st_demo", "--criterion", "multitask_cross_entropy", "--ctc-weight", "1",
            "--valid-subset", "dev", "--max-tokens", "64000", "--num-workers", "0",
            "--cpu", "--optimizer", "adam", "--lr", "2e-3", "--clip-norm", "5", "--max-update", str(updates),
            "--save-dir", str(folder), "--no-epoch-checkpoints", "--log-format", "simple", *more]


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name` of this run of the tests, filled by the first of its processes that comes here."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        finished = folder / "finished"
        if not finished.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process whose attempt failed
            folder.mkdir()
            make(folder)
            finished.touch()
    return folder


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared corpus of 40 training and HELD_OUT dev and test utterances: the folder to train on."""
    def make(root: Path) -> None:
        run(sys.executable, "scripts/make_spoken_corpus.py", "--out", root, "--train", "40", "--dev", str(HELD_OUT),
            "--test", str(HELD_OUT))
        run("bash", "scripts/prep_mustc.sh", "--root", root, "--lang", "de", "--vocab-size", "200")

    return made_once(tmp_path_factory, "tiny_corpus", make) / "en-de"


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has seen the corpus often enough to write words and to end sentences."""
    return made_once(tmp_path_factory, "tiny_training", lambda folder: run(*training_command(
        tiny_corpus, folder, 150, "--disable-validation"))) / "checkpoint_last.pt"


@pytest.fixture(scope="session")
def tiny_segmenting_checkpoint(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with differentiable segmentation, all of whose parts have set in, and a front end that hears in blocks.
    """
    return made_once(tmp_path_factory, "tiny_segmenting_training", lambda folder: run(*training_command(
        tiny_corpus, folder, 150, "--disable-validation", "--front-end-block", "320", "--segmentation-variant",
        "repaired", "--segment-from", "30", "--noise-from", "60", "--segment-number-from", "30", "--multipath-from",
        "60", "--contrastive-from", "90"))) / "checkpoint_last.pt"
