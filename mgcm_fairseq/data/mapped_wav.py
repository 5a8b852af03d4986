"""A wav file of 16-bit samples in memory, as the operating system pages it in."""

import mmap
import os
import struct
from typing import BinaryIO

import numpy as np

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.riff_chunks import chunks

PCM, EXTENSIBLE = 1, 0xFFFE  # format tags; that of an extensible header is the start of its sub-format
FULL_SCALE = 1 << 15
_HEADER = 40  # bytes of an extensible one


class MappedWav:
    """`length` samples of a mono wav at 16 kHz."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        """`start`: byte of the first sample."""
        self.length = length
        self._start = start
        self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    @classmethod
    def open(cls, path: str) -> "MappedWav | None":
        """None for anything but 16-bit mono at 16 kHz in RIFF chunks that are all there. Raises OSError."""
        with open(path, "rb") as file:
            data = _find_samples(file)
            return cls(file, *data) if data else None

    def read(self, offset: int, length: int) -> np.ndarray:
        """Float32 (N,) in [-1, 1), as soundfile reads them; fewer at the end of the file."""
        count = max(0, min(length, self.length - offset))
        samples = np.frombuffer(self._bytes, "<i2", count, self._start + 2 * min(offset, self.length))
        return samples * np.float32(1 / FULL_SCALE)

    def close(self) -> None:
        """Gives map and file descriptor back."""
        self._bytes.close()


def _find_samples(file: BinaryIO) -> tuple[int, int] | None:
    """First byte and number of the samples."""
    size = os.fstat(file.fileno()).st_size
    fits = False
    for name, length, start in chunks(file):
        if name == b"data":
            return (start, length // 2) if fits and 0 < length <= size - start else None
        if name == b"fmt ":
            fits = _fits(file.read(min(length, _HEADER)))
    return None


def _fits(chunk: bytes) -> bool:
    if len(chunk) < 16:
        return False
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
    if tag == EXTENSIBLE and len(chunk) >= 26:
        tag = int.from_bytes(chunk[24:26], "little")
    return (tag, channels, rate, bits) == (PCM, 1, SAMPLE_RATE, 16)
