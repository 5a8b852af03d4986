"""Copies of checkpoints are whole or not there, also where the process is killed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mgcm_fairseq import compat
from tests.compat.fresh import python

KILLED_COPY = """
import os, shutil, signal
def torn(source, target):
    content = open(source, "rb").read()
    with open(target, "wb") as out:
        out.write(content[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
shutil.copyfile = torn
{repair}
from fairseq.file_io import PathManager
PathManager.copy({source!r}, {target!r}, overwrite=True)
"""


@pytest.mark.parametrize(("repair", "left"), [
    ("", "ne"),  # the fault: half of the new file
    ("from mgcm_fairseq import compat; compat.make_checkpoint_copies_whole()", "old"),
])
def test_a_killed_copy(tmp_path: Path, repair: str, left: str) -> None:
    source, target = tmp_path / "checkpoint_1_10.pt", tmp_path / "checkpoint_last.pt"
    source.write_text("new!")
    target.write_text("old")
    python(KILLED_COPY.format(repair=repair, source=str(source), target=str(target)))
    assert target.read_text() == left


@pytest.fixture
def copy() -> Callable[..., Any]:
    from fairseq.file_io import PathManager

    compat.install()
    return PathManager.copy


@pytest.mark.parametrize("exists", [True, False])
def test_a_whole_copy_replaces_the_old_file(tmp_path: Path, copy: Callable[..., Any], exists: bool) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("new")
    if exists:
        target.write_text("old")
    assert copy(str(source), str(target), overwrite=True)
    assert target.read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def test_a_failed_copy_leaves_the_old_file(tmp_path: Path, copy: Callable[..., Any],
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: str, target: str) -> None:
        raise OSError("no space left on device")

    (tmp_path / "source").write_text("new")
    (tmp_path / "target").write_text("old")
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="no space left"):
        copy(str(tmp_path / "source"), str(tmp_path / "target"), overwrite=True)
    assert (tmp_path / "target").read_text() == "old"
