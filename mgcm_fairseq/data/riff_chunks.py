"""The chunks of a RIFF wav, and lengths of its samples that say nothing."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

_MOST = 1_000  # chunks looked at: no program writes so many, but rubbish can have one in every eight bytes
_NAME = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _-")


@dataclass(frozen=True, slots=True)
class Samples:
    """What a RIFF wav's header says of its samples; the defaults for any other file."""

    chunks: int = 0  # of samples; 1 where the first is as long as the file goes
    missing: int = 0  # bytes that the first promises and the file does not have
    false_zero: int | None = None  # the byte where the first says that it is empty, if it is not: it came from a pipe


def read_samples(path: Path) -> Samples:
    """Looks at each chunk once. Raises OSError."""
    found = Samples()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        for name, length, start in chunks(file):
            if name != b"data":
                continue
            endless = says_nothing(file, length, start)
            if found.chunks:
                found = replace(found, chunks=found.chunks + 1)
            elif endless:
                found = Samples(1, 0, start - 4 if length == 0 else None)
            else:
                found = Samples(1, max(0, start + length - size))
            if endless:
                break
    return found


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Name, stated length and first byte of each chunk; nothing of a file that is no RIFF wav."""
    file.seek(0)
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return
    for _ in range(_MOST):
        if len(head := file.read(8)) < 8:
            return
        name, length = struct.unpack("<4sI", head)
        start = file.tell()
        yield name, length, start
        file.seek(start + length + length % 2)  # chunks begin at even bytes


def says_nothing(file: BinaryIO, length: int, start: int) -> bool:
    """Whether `length`, of the samples that begin at byte `start`, was written before anybody knew how many would come.

    Programs that write into a pipe put something near the largest number there (sox 0x7ffff000, arecord 0x80000000,
    FFmpeg 0xffffffff, others that less what the header takes), or 0.
    """
    behind = os.fstat(file.fileno()).st_size - start
    if length == 0:
        return behind > 0 and not _only_chunks(file, start)
    return length > behind and (0x7FFFF000 <= length <= 0x80000000 or length >= 0xFFFFFF00)


def _only_chunks(file: BinaryIO, start: int) -> bool:
    """Whether there are chunks up to the end of the file, as behind samples that are none."""
    size = os.fstat(file.fileno()).st_size
    for _ in range(_MOST):
        file.seek(start)
        head = file.read(8)
        if len(head) < 8 or not _NAME.issuperset(head[:4]):
            return False
        length = int.from_bytes(head[4:], "little")
        start += 8 + length + length % 2
        if start >= size:
            return start - size <= length % 2
    return False
