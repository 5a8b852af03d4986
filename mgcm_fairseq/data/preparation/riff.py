"""Whether a wav holds what its header promises; libsndfile takes what is there for the whole."""

import os
import struct
from pathlib import Path

STREAMED = (0, 0xFFFFFFFF)  # lengths that a program writes before it knows how much will follow


def bytes_missing(path: Path) -> int:
    """Of the samples that a RIFF wav's header promises; 0 for any other file. Raises OSError."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return 0
        while len(head := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", head)
            end = file.tell() + length
            if name == b"data":
                return 0 if length in STREAMED else max(0, end - size)
            file.seek(end + length % 2)  # chunks begin at even bytes
    return 0
