"""One process at a time in a folder, and the wait for helpers that a killed one left there."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mgcm_fairseq.common.errors import InputError


@contextmanager
def locked(folder: Path, work: str) -> Iterator[IO[str]]:
    """Holds `folder`, made where it is missing, for a `work`; InputError if another process holds it for the same.

    The system frees it when this process has ended in any way, and every process that inherited the yielded file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".{work}.lock"
    with path.open("a") as file:
        if not _lock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB, path):
            raise InputError(folder, f"no other {work} at work here", f"one that holds {path.name}",
                             "Wait for it to end, or choose another --out.")
        yield file


def join_in(folder: Path, work: str) -> None:
    """Marks this process, until it ends, as a helper of a `work` in `folder`."""
    path = _helpers(folder, work)
    _lock(os.open(path, os.O_RDWR | os.O_CREAT), fcntl.LOCK_SH, path)


def await_helpers(folder: Path, work: str) -> None:
    """Returns once no process is marked as a helper of a `work` in `folder`; says so where it has to wait."""
    path = _helpers(folder, work)
    with path.open("a") as file:
        if not _lock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB, path):
            print(f"waiting for processes of an earlier {work} in {folder} to end: they hold {path.name}", flush=True)
            _lock(file.fileno(), fcntl.LOCK_EX, path)


def forget_helpers(folder: Path, work: str) -> None:
    """Removes the mark of helpers of a `work` that is done."""
    _helpers(folder, work).unlink(missing_ok=True)


def _helpers(folder: Path, work: str) -> Path:
    return folder / f".{work}.processes"


def _lock(descriptor: int, operation: int, path: Path) -> bool:
    """Whether the file is locked now; InputError where the file system has no locks."""
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        return False
    except OSError as error:
        raise InputError(path, "a file system whose files can be locked", str(error),
                         "Choose a folder on a local disk, or mount this file system with flock.") from error
    return True
