"""Copies of checkpoints are whole or not there, also where the process is killed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mgcm_fairseq import compat
from tests.compat.fresh import python
from tests.training.here import as_new

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


class OneThatSaves:
    """What fairseq asks of a trainer while it saves."""

    data_parallel_rank = 0
    should_save_checkpoint_on_current_rank = True
    checkpoint_suffix = ""
    task = None
    updates = 0

    def consolidate_optimizer(self) -> None:
        """There is nothing to gather."""

    def get_num_updates(self) -> int:
        return self.updates

    def save_checkpoint(self, filename: str, extra_state: dict[str, Any]) -> None:
        Path(filename).write_text(str(extra_state["val_loss"]))


def kept(folder: Path, scores: list[float], count: int, higher: bool, suffix: str = "") -> list[float]:
    """Scores of the best checkpoints, best first, after these validations."""
    from fairseq import checkpoint_utils
    from fairseq.dataclass.configs import CheckpointConfig

    cfg = CheckpointConfig(save_dir=str(folder), keep_best_checkpoints=count, no_epoch_checkpoints=True,
                           best_checkpoint_metric="score", maximize_best_checkpoint_metric=higher)
    trainer, epoch = OneThatSaves(), SimpleNamespace(epoch=1, end_of_epoch=lambda: False, state_dict=dict)
    trainer.checkpoint_suffix = suffix
    with as_new():
        for trainer.updates, score in enumerate(scores, start=1):
            checkpoint_utils.save_checkpoint(cfg, trainer, epoch, score)
    return sorted((float(path.read_text()) for path in folder.glob("checkpoint.best_*")), reverse=higher)


def test_the_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fairseq import checkpoint_utils

    compat.install()
    monkeypatch.setattr(checkpoint_utils, "save_checkpoint", checkpoint_utils.save_checkpoint.__wrapped__)
    assert kept(tmp_path, [9, 8, 7, 6, 5, 4], 3, True) == [9]


@pytest.mark.parametrize("higher", [True, False])
@pytest.mark.parametrize("scores", [[9, 8, 7, 6, 5, 4], [4, 9, 5, 8, 6, 7], [4, 5, 6, 7, 8, 9]])
def test_the_best_are_kept_in_whatever_order_they_come(tmp_path: Path, scores: list[float], higher: bool) -> None:
    compat.install()
    assert kept(tmp_path, scores, 3, higher) == sorted(scores, reverse=higher)[:3]


def test_names_may_end_otherwise(tmp_path: Path) -> None:
    compat.install()
    assert kept(tmp_path, [9, 7, 8, 6], 3, True, "-shard0") == [9, 8, 7]
    assert all(path.name.endswith("-shard0.pt") for path in tmp_path.iterdir())


def test_fewer_validations_than_checkpoints_that_may_be_kept_leave_all(tmp_path: Path) -> None:
    compat.install()
    assert kept(tmp_path, [9, 7, 8], 5, True) == [9, 8, 7]
    assert (tmp_path / "checkpoint_best.pt").read_text() == "9"
