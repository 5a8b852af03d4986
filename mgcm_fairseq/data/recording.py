"""A recording of any length, read part by part: any format of libsndfile's, rate and number of channels."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.resampling import SHORT, resampled
from mgcm_fairseq.data.riff_chunks import read_samples
from mgcm_fairseq.data.samples import SOUND, first_fault
from mgcm_fairseq.data.sound_files import SoundError, known_length, opened, sound_chunks

_SECONDS = 10.0  # of sound resampled at a time: as if all were


class Recording:
    """A file. It is looked at once it is made, and read while its parts are taken."""

    def __init__(self, path: Path) -> None:
        """InputError for what no recording can be; a wav that ends before its header says is read as far as it goes,
        with a word on stderr."""
        if path.exists() and not path.is_file():
            raise InputError(path, "an audio file", "a folder, pipe or device", "Pipe raw samples to -.")
        if not path.is_file():
            raise InputError(path, "an audio file", "no such file", "Give the path of a wav, flac or ogg file.")
        if missing := read_samples(path).missing:
            print(f"{path}: {missing} bytes less than its header promises. The recording is cut off.", file=sys.stderr)
        self.path = path
        self.name = path.name
        self._count = 0  # samples of a channel that were read
        try:
            with opened(path) as file:
                self.rate, samples = file.samplerate, known_length(file)
        except SoundError as error:
            raise self._unreadable(error) from error
        self.length = None if samples is None else -(-samples * SAMPLE_RATE // self.rate)
        """Samples at 16 kHz, by the header; None where it does not know."""

    def parts(self) -> Iterator[np.ndarray]:
        """Float32 mono samples (N,) at 16 kHz: channels are averaged, other rates resampled.

        InputError for samples that are no sound.
        """
        return resampled(self._mono(), self.rate, SHORT, _SECONDS)

    def check(self) -> None:
        """InputError if it was read, and nothing was there."""
        if self._count == 0:
            raise InputError(self.path, "sound", "no sample", "Record it again.")

    def _mono(self) -> Iterator[np.ndarray]:
        self._count = 0
        try:
            for chunk in sound_chunks(self.path):
                if fault := first_fault(chunk, self.rate, self._count):
                    raise InputError(self.path, SOUND, fault, "Repair the file or record it again.")
                yield chunk.mean(axis=1)
                self._count += len(chunk)
        except SoundError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: SoundError) -> InputError:
        return InputError(self.path, "audio that libsndfile can read", str(error), "Convert it to wav.")


def read_any(path: Path) -> np.ndarray:
    """All of a recording, (N,); InputError as of its class."""
    return np.concatenate([np.zeros(0, np.float32), *Recording(path).parts()])
