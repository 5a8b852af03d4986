"""One preparation at a time in a folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mgcm_fairseq.data.errors import InputError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds folder/.prep.lock, which the system frees when this process ends in any way; InputError if it is held."""
    path = folder / ".prep.lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(folder, "no other preparation at work here", f"one that holds {path.name}",
                             "Wait for it to end, or choose another --out.") from error
        yield
