"""Reading speech: a span of a wav file named `path:offset:length`."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import command
from mgcm_fairseq.data.samples import SOUND, first_fault

SAMPLE_RATE = 16_000  # Hz; the rate of wav2vec 2.0 and of every manifest


Span = tuple[str, int, int]  # path as the manifest has it, first sample, number of samples
_SAMPLES = re.compile("[0-9]{1,18}")  # what 64 bits hold


def parse_span(text: str, where: tuple[str | Path, int]) -> Span:
    """Reads `path:offset:length`; raises InputError naming `where`."""
    path, *numbers = text.rsplit(":", 2)
    if len(numbers) != 2 or not all(map(_SAMPLES.fullmatch, numbers)) or int(numbers[1]) == 0:
        raise InputError(where, "audio as path:offset:length, both whole numbers of samples", repr(text),
                         f"Write the manifest with {command('prepare')}.")
    return path, int(numbers[0]), int(numbers[1])


@dataclass(frozen=True)
class AudioSpan:
    """`length` samples of `path` from sample `offset` on, both at 16 kHz."""

    path: Path
    offset: int
    length: int

    def format(self, folder: Path) -> str:
        """The text that `parse_span` reads, with the path relative to `folder` where it lies below it."""
        path = self.path.relative_to(folder) if self.path.is_relative_to(folder) else self.path
        return f"{path}:{self.offset}:{self.length}"

    def read(self) -> np.ndarray:
        """Float32 samples (N,); InputError if the file holds fewer, no sound, or is not 16 kHz mono."""
        try:
            samples, rate = soundfile.read(self.path, start=self.offset, frames=self.length, dtype="float32")
        except (soundfile.SoundFileError, OSError) as error:
            raise InputError(self.path, "a readable wav file", str(error), "Prepare the corpus again.") from error
        if rate != SAMPLE_RATE or samples.ndim != 1 or len(samples) != self.length:
            raise InputError(
                self.path, f"{self.length} mono samples from {self.offset} at {SAMPLE_RATE} Hz",
                f"shape {samples.shape} at {rate} Hz", "The audio changed after preparation: prepare it again.")
        if fault := first_fault(samples, rate, self.offset):
            raise InputError(self.path, SOUND, fault, "Prepare the corpus again.")
        return samples
