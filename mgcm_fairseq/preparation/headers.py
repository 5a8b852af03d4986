"""What an audio file says about itself: usable as it lies, to be converted, or unusable and why."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.riff_chunks import read_samples
from mgcm_fairseq.data.samples import checked
from mgcm_fairseq.data.sound_files import known_length, opened
from mgcm_fairseq.preparation.containers import CONTAINERS, read_container_header

READABLE = ("WAV", "WAVEX", "FLAC")  # formats from which training reads spans
_FLOATS = ("FLOAT", "DOUBLE")  # kinds of samples that may be no numbers
_CHUNK = 1 << 18  # samples read at a time


@dataclass(frozen=True, slots=True)
class Header:
    """`length`: samples at 16 kHz that the header promises, 0 where it does not know.

    `ready`: it is 16 kHz mono wav or flac from whose middle one can read.
    """

    length: int
    ready: bool


@dataclass(frozen=True, slots=True)
class Unusable:
    """`reason` is the kind of fault, `found` what was there."""

    reason: str
    found: str


def read_headers(paths: Sequence[str], pack: bool) -> list[Header | Unusable]:
    """One for each path; a job for a process."""
    return [read_header(Path(path), pack) for path in paths]


def read_header(path: Path, pack: bool = False) -> Header | Unusable:
    """Reads the header and, of a file that is ready, the last sample; every float unless `pack` has it decoded later.

    A header may promise more than a torn file holds. What is converted is counted and checked as it is decoded.
    """
    if not os.path.isfile(path):  # False for a name that no file can have, where Path's is_file raises
        return Unusable("missing audio", "no such file")
    if path.suffix.lower() in CONTAINERS:
        found = read_container_header(path)
        return Unusable("unreadable audio", found) if isinstance(found, str) else Header(_at_16_khz(*found), False)
    samples = read_samples(path)
    if samples.missing:
        return Unusable("truncated audio", f"{samples.missing} bytes less than its header promises")
    try:
        with opened(path, samples=samples) as file:
            length = known_length(file)
            ready = (file.samplerate, file.channels) == (SAMPLE_RATE, 1) and file.format in READABLE
            if length is None or not file.seekable() or samples.false_zero is not None:
                return Header(_at_16_khz(length or 0, file.samplerate), False)
            if ready and length:
                file.seek(file.frames - 1)
                if len(file.read(1)) != 1:
                    return Unusable("unreadable audio", f"less than the {file.frames} samples of its header")
                if file.subtype in _FLOATS and not pack:
                    file.seek(0)
                    for _ in checked(file.blocks(_CHUNK, dtype="float32"), file.samplerate):
                        pass
            return Header(_at_16_khz(length, file.samplerate), ready)
    except ValueError as error:
        return Unusable("unreadable audio", str(error))


def _at_16_khz(length: int, rate: int) -> int:
    return math.ceil(length * SAMPLE_RATE / rate)
