"""Checkpoints are written whole or not at all, and none where the input was wrong."""

import os
import sys
from functools import wraps
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.whole import whole


def save_checkpoints_whole() -> None:
    """Has a checkpoint that finds no room end the training with one sentence, and leave none of itself behind.

    fairseq tries three times and writes each time behind what the time before has left, so that a checkpoint for which
    there was room in the end has a torn one in front, and torch.load refuses it. If there was none, the torn file stays
    on the full disk.
    """
    from fairseq import checkpoint_utils
    from fairseq.file_io import PathManager

    stock_save = checkpoint_utils.torch_persistent_save
    if getattr(stock_save, "whole", False):
        return

    def save(obj: Any, filename: str, async_write: bool = False) -> None:
        if async_write or not PathManager.supports_rename(filename):
            stock_save(obj, filename, async_write)
            return
        with whole(Path(filename), _size_of_tensors(obj)) as partial, partial.open("wb") as file:
            torch.save(obj, file)

    save.whole = True  # type: ignore[attr-defined]  # a mark, by which a second call sees that it is done
    checkpoint_utils.torch_persistent_save = save


def _size_of_tensors(state: Any) -> int:
    """Bytes."""
    if isinstance(state, torch.Tensor):
        return state.nbytes
    parts = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    return sum(map(_size_of_tensors, parts))


def make_checkpoint_copies_whole() -> None:
    """Makes fairseq copy a checkpoint whole or not at all.

    It writes checkpoint_EPOCH_UPDATE.pt through a temporary file, but checkpoint_last.pt by copying onto the old one: a
    process killed while it copies leaves a torn file from which training cannot resume.
    """
    from fairseq.file_io import PathManager

    if getattr(PathManager.copy, "whole", False):
        return
    stock_copy = PathManager.copy

    def copy(src_path: str, dst_path: str, overwrite: bool = False) -> bool:
        if not (overwrite and PathManager.supports_rename(dst_path)):
            return stock_copy(src_path, dst_path, overwrite)
        with whole(Path(dst_path), os.stat(src_path).st_size) as partial:
            stock_copy(src_path, str(partial), overwrite=True)
        return True

    copy.whole = True  # type: ignore[attr-defined]  # the same
    PathManager.copy = staticmethod(copy)


def keep_the_best_checkpoints() -> None:
    """Has fairseq keep its best checkpoints while there are fewer than --keep-best-checkpoints.

    It writes none that scores below the worst of those that are there, even if that is one of five: a training whose
    first validation is its best keeps a single one, and those that are kept need not be the best. Of scores that are
    equal in three decimals one may still overwrite another, since a digit drawn at random tells their files apart.
    """
    from fairseq import checkpoint_utils

    stock = checkpoint_utils.save_checkpoint
    if getattr(stock, "keeps_the_best", False):
        return
    stock_paths = checkpoint_utils.checkpoint_paths

    @wraps(stock)
    def save(cfg: Any, *args: Any, **kwargs: Any) -> Any:
        def paths(folder: str, pattern: str = r"checkpoint(\d+)\.pt", **options: Any) -> list[str]:
            """Where there is room for one more of the best, a name with a score that every other one beats."""
            found: list[str] = stock_paths(folder, pattern, **options)
            if not pattern.startswith(r"checkpoint\.best_") or len(found) >= cfg.keep_best_checkpoints:
                return found
            ending = pattern.rpartition(")")[2].removesuffix(r"\.pt") + ".pt"  # with --checkpoint-suffix
            return [f"checkpoint.best_{'-inf' if cfg.maximize_best_checkpoint_metric else 'inf'}{ending}"]

        with patch.object(checkpoint_utils, "checkpoint_paths", paths):
            return stock(cfg, *args, **kwargs)

    save.keeps_the_best = True  # type: ignore[attr-defined]  # the same
    checkpoint_utils.save_checkpoint = save


def save_no_checkpoint_for_input_errors() -> None:
    """Keeps fairseq from writing all weights to crash.pt where the input ended the training, and no number did."""
    from fairseq.trainer import Trainer

    stock = Trainer.save_checkpoint
    if getattr(stock, "but_for_input_errors", False):
        return

    def save(self: Any, filename: str, extra_state: dict[str, Any]) -> str | None:
        saved: str | None = None if isinstance(sys.exception(), InputError) else stock(self, filename, extra_state)
        return saved

    save.but_for_input_errors = True  # type: ignore[attr-defined]  # the same
    Trainer.save_checkpoint = save
