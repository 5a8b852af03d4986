"""Files that are written whole or not at all, and the error where the disk, a quota or a limit has no room for them."""

import errno
import os
import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from mgcm_fairseq.common.errors import InputError

PROBE = 1 << 16  # bytes
_OF_WRITERS = (OSError, RuntimeError, sqlite3.Error)  # libsndfile's errors are RuntimeErrors, as PyTorch's
REMEDY = "Make room and run the same command again: it goes on from what is finished."


@contextmanager
def whole(path: Path, size: int | None = None, partial: Path | None = None) -> Iterator[Path]:
    """A name beside `path` to write to; what was written there becomes `path` once the `with` body has ended well.

    Where the body fails, what was written is removed and `path` stays as it was. InputError if there was no room.

    Args:
        path: the file to make or to replace.
        size: bytes that it needs, for the message, if known before.
        partial: the name to use; default: that of `path` with .tmp.
    """
    partial = partial or path.with_name(path.name + ".tmp")
    try:
        yield partial
        partial.replace(path)
    except BaseException as error:
        full = _explain(error, path, partial, size)
        with suppress(OSError):
            partial.unlink()
        if full:
            raise full from error
        raise


def write_whole(path: Path, content: str | bytes, partial: Path | None = None) -> None:
    """Writes the file whole or not at all; `partial` as for `whole`."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    with whole(path, len(data), partial) as name:
        name.write_bytes(data)


@contextmanager
def appended(path: Path) -> Iterator[IO[str]]:
    """The file, open to be written to at its end; a body that fails leaves it as long as it was."""
    before = path.stat().st_size if path.exists() else 0
    try:
        with path.open("a", encoding="utf-8") as file:
            yield file
    except BaseException as error:
        full = _explain(error, path, path, None, probe=False)  # Python's files say why; these are never probed
        with suppress(OSError):
            os.truncate(path, before)
        if full:
            raise full from error
        raise


@contextmanager
def room_in(folder: Path, path: Path | None = None) -> Iterator[None]:
    """Turns an error for lack of room in `folder` into an InputError that names `path`, or else the folder."""
    try:
        yield
    except Exception as error:
        probe = folder / f".room.{os.getpid()}.tmp"
        full = _explain(error, path or folder, probe, None)
        with suppress(OSError):
            probe.unlink()
        if full:
            raise full from error
        raise


def _explain(error: BaseException, path: Path, partial: Path, size: int | None,
             probe: bool = True) -> InputError | None:
    """What to raise instead of `error` if there was no room to write `partial`, which was to become `path`.

    libsndfile, PyTorch and SQLite do not say why a write failed, so with `probe` a few more bytes are tried.
    """
    if not isinstance(error, _OF_WRITERS):
        return None
    written = partial.stat().st_size if partial.is_file() else 0
    if isinstance(error, OSError) and error.errno in _LACKING:
        number: int | None = error.errno
    else:
        number = _probe(partial) if probe else None
    if number is None:
        return None
    needed = "room for it" if size is None else f"room for its {_bytes(size)}"
    after = f" when {_bytes(written)} were written" if written else ""
    return InputError(path, needed, f"{_LACKING[number](partial.parent)}{after}", REMEDY)


def lacks_room(error: BaseException) -> InputError | None:
    """What to say of an error that nothing above has explained, if it is for lack of room."""
    if not isinstance(error, OSError) or error.errno not in _LACKING:
        return None
    path = error.filename or "a file, or what the output goes to"
    return InputError(path, "room for it", str(error.strerror), REMEDY)


def _probe(partial: Path) -> int | None:
    """Why no more can be written to the file: the error's number, or None if that is possible or fails otherwise."""
    try:
        with partial.open("ab") as file:
            file.write(bytes(PROBE))
    except OSError as error:
        return error.errno if error.errno in _LACKING else None
    return None


def _free(folder: Path) -> str:
    return f"a disk with {_bytes(shutil.disk_usage(folder).free)} free"


def _limit(_folder: Path) -> str:
    return f"a limit of {_bytes(resource.getrlimit(resource.RLIMIT_FSIZE)[0])} to a file (ulimit -f)"


_LACKING = {errno.ENOSPC: _free, errno.EDQUOT: lambda _folder: "a quota that is used up", errno.EFBIG: _limit}


def _bytes(count: int) -> str:
    """In decimal units with three digits, as disks are sold and `df -H` counts."""
    value, unit = float(count), "bytes"
    for bigger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, bigger
    return f"{value:.3g} {unit}"
