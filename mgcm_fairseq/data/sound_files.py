"""Sound files of any kind, whose headers may say anything: what is opened here is within bounds, or refused.

Preparation and agents read all foreign sound through this file. Nothing is allocated for what a header promises.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import FileIO
from math import gcd
from pathlib import Path
from typing import Any, cast

import numpy as np
import soundfile

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.riff_chunks import Samples, read_samples

LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000  # Hz
MOST_CHANNELS = 256
_MOST_WEIGHTS = 1 << 24  # of the filter that resamples: one for each sample of its width and each of its phases
_MOST_PACKED = 1 << 13  # samples in a byte; digital silence in flac comes to half of that
_UNKNOWN = (1 << 63) - 1  # samples of a file whose header does not know
_CHUNK = 1 << 18  # samples of a channel read at a time, of more than eight channels fewer


class SoundError(ValueError):
    """What is wrong with a file of sound, as it follows "found"."""


def check_header(length: int, rate: int, channels: int, size: int) -> None:
    """SoundError for what no recording has, or what could not be resampled in little memory.

    Args:
        size: of the file in bytes.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise SoundError(f"a rate of {rate} Hz; known are {LOWEST_RATE} to {HIGHEST_RATE} Hz")
    if _weights(rate) > _MOST_WEIGHTS:
        raise SoundError(f"a rate of {rate} Hz, which has too little in common with {SAMPLE_RATE} Hz: resample it")
    if not 0 < channels <= MOST_CHANNELS:
        raise SoundError(f"{channels} channels; known are 1 to {MOST_CHANNELS}")
    if length != _UNKNOWN and not 0 <= length <= _MOST_PACKED * size:
        raise SoundError(f"{length} samples promised by a file of {size} bytes")


def _weights(rate: int) -> int:
    old, new = rate // gcd(rate, SAMPLE_RATE), SAMPLE_RATE // gcd(rate, SAMPLE_RATE)
    return 0 if old == new else new * (old + 136 * max(1, old // new))  # 136: of `preparation/resample.py`


@contextmanager
def opened(path: Path, in_one_go: bool = False, samples: Samples | None = None) -> Iterator[soundfile.SoundFile]:
    """The file, of any format that libsndfile reads; SoundError, from the `with` body too, for what cannot be read.

    Args:
        in_one_go: to be read from its start to its end; some formats know neither their length nor how to seek.
        samples: what `read_samples` says of the file, where it has been asked already.
    """
    kind = _InOneGo if in_one_go else soundfile.SoundFile
    try:
        samples = samples or read_samples(path)
        if samples.chunks > 1:
            raise SoundError("more than one chunk of samples")  # of which libsndfile reads the last
        zero = samples.false_zero
        with nullcontext(path) if zero is None else _Streamed(path, zero) as source, kind(source) as file:
            check_header(file.frames, file.samplerate, file.channels, path.stat().st_size)
            yield file
    except soundfile.SoundFileError as error:
        raise SoundError(what_libsndfile_says(error)) from error


def known_length(file: soundfile.SoundFile) -> int | None:
    """How many samples a channel has by its header; None where the header does not know."""
    return None if file.frames == _UNKNOWN else int(file.frames)


def sound_chunks(path: Path, most: int = _CHUNK) -> Iterator[np.ndarray]:
    """Float32 samples (N, channels) up to the end of the file; raises SoundError.

    `most`: samples of a channel at a time. Of a chunk that cannot be read to its end nothing is given.
    """
    with opened(path, in_one_go=True) as file:
        size = 8 * most // max(8, file.channels)
        while len(samples := file.read(size, dtype="float32", always_2d=True)):
            yield samples


def what_libsndfile_says(error: soundfile.SoundFileError) -> str:
    """Without the path, and without the claim that a file that it does not know does not exist."""
    said = str(getattr(error, "error_string", error)).rstrip(".")
    return "nothing that libsndfile reads" if "does not exist" in said else said


class _InOneGo(soundfile.SoundFile):
    """soundfile seeks after each read, to where it is, in files that can; not in one that says that it cannot."""

    def seekable(self) -> bool:
        return False


class _Streamed(FileIO):
    """A wav with the length that libsndfile takes to mean all that is there, for it takes 0 to mean nothing."""

    def __init__(self, path: Path, length_at: int) -> None:
        super().__init__(path)
        self._length_at = length_at

    def readinto(self, buffer: Any) -> int:
        """As of FileIO."""
        start = self.tell()
        count = cast(int, super().readinto(buffer))
        for index in range(max(start, self._length_at), min(start + count, self._length_at + 4)):
            buffer[index - start:index - start + 1] = b"\xff"
        return count
