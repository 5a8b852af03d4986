"""One process at a time in a folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mgcm_fairseq.data.errors import InputError


@contextmanager
def locked(folder: Path, work: str) -> Iterator[None]:
    """Holds `folder`, made where it is missing, for a `work`; InputError if another process holds it for the same.

    The system frees it when this process ends in any way.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".{work}.lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(folder, f"no other {work} at work here", f"one that holds {path.name}",
                             "Wait for it to end, or choose another --out.") from error
        yield
