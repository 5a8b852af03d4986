"""The run signature: one line, complete, honest about uncommitted changes."""

import subprocess
from pathlib import Path

import pytest
import torch

from mgcm_fairseq import __version__
from mgcm_fairseq.common.environment import ABSENT, DISTRIBUTIONS, commit, cpu_model, environment, signature


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True,
                          text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    return tmp_path


def test_names_every_installed_version() -> None:
    found = environment()
    assert found["mgcm_fairseq"] == __version__
    assert found["torch"] == torch.__version__
    assert ABSENT not in [found[name] for name in DISTRIBUTIONS]


def test_is_one_line_of_key_value_pairs() -> None:
    line = signature("float32")
    assert line.split() == [line]
    pairs = dict(pair.split(":", 1) for pair in line.split("|"))
    assert list(pairs) == [*environment(), "dtype"]
    assert pairs["dtype"] == "float32"
    assert pairs["threads"] == str(torch.get_num_threads())


def test_a_package_that_is_not_installed_is_named_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DISTRIBUTIONS, "simuleval", "no-such-distribution")
    assert environment()["simuleval"] == ABSENT


def test_commit_of_a_clean_checkout(checkout: Path) -> None:
    assert commit(checkout) == git(checkout, "rev-parse", "--short", "HEAD")


@pytest.mark.parametrize("name", ["file", "new"])
def test_commit_says_what_is_uncommitted(checkout: Path, name: str) -> None:
    (checkout / name).write_text("two")
    assert commit(checkout) == git(checkout, "rev-parse", "--short", "HEAD") + "+"


def test_commit_outside_a_checkout(tmp_path: Path) -> None:
    assert commit(tmp_path) == ABSENT


def test_a_folder_inside_a_checkout_is_none(checkout: Path) -> None:
    (checkout / "folder").mkdir()
    assert commit(checkout / "folder") == ABSENT


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="needs Linux")
def test_the_processor_is_named_as_linux_names_it() -> None:
    listing = Path("/proc/cpuinfo").read_text()
    assert "model name" not in listing or f"model name\t: {cpu_model()}\n" in listing


def test_commit_before_the_first_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert commit(tmp_path) == "unknown"


def test_commit_on_a_machine_without_git(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert commit(checkout) == "unknown"
