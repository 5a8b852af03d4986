"""Processes of a preparation that was killed: they end by themselves, and the next preparation waits for that."""

import fcntl
import os
from pathlib import Path

_PROCESSES = ".preparation.processes"  # a file whose lock the system frees when a process ends in any way


def join_in(folder: Path) -> None:
    """Marks this process, until it ends, as one that works for the preparation in `folder`."""
    fcntl.flock(os.open(folder / _PROCESSES, os.O_RDWR | os.O_CREAT), fcntl.LOCK_SH)


def await_leftovers(folder: Path) -> None:
    """Returns once no process is marked in `folder`."""
    with (folder / _PROCESSES).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
