"""A recording of any length, read part by part: any format of libsndfile's, rate and number of channels."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.resampling import SHORT, resampled
from mgcm_fairseq.data.riff_chunks import read_samples
from mgcm_fairseq.data.samples import SOUND, first_fault, sound_length
from mgcm_fairseq.data.sound_files import SoundError, known_length, opened, sound_chunks

_SECONDS = 10.0  # of sound resampled at a time: as if all were
_MISSING = 0.1  # seconds by which sound may fall short of its header, which counts whole packets


class Recording:
    """A file. It is looked at once it is made, and read while its parts are taken."""

    def __init__(self, path: Path) -> None:
        """InputError for what no recording can be; a wav that ends before its header says is read as far as it goes,
        with a word on stderr."""
        if path.exists() and not path.is_file():
            raise InputError(path, "an audio file", "a folder, pipe or device",
                             "Give a file. Raw samples can be piped to -.")
        if not path.is_file():
            raise InputError(path, "an audio file", "no such file", "Give the path of a wav, flac or ogg file.")
        if missing := read_samples(path).missing:
            print(f"{path}: {missing} bytes less than its header promises. The recording is cut off.", file=sys.stderr)
        self.path = path
        self.name = path.name
        self._count = 0  # samples of a channel that were read
        self._fault: InputError | None = None  # at which it ended
        try:
            with opened(path) as file:
                self.rate, samples = file.samplerate, known_length(file)
        except SoundError as error:
            raise self._unreadable(error) from error
        self._promised = samples or 0
        self.length = None if samples is None else -(-samples * SAMPLE_RATE // self.rate)
        """Samples at 16 kHz, by the header; None where it does not know."""

    def parts(self) -> Iterator[np.ndarray]:
        """Float32 mono samples (N,) at 16 kHz: channels are averaged, other rates resampled.

        They end before samples that are no sound, and where the file cannot be read any further: `check` says so.
        """
        return resampled(self._mono(), self.rate, SHORT, _SECONDS)

    def check(self) -> None:
        """InputError if it was read, and nothing was there; else as `check_whole`."""
        self.check_whole()
        if self._count == 0:
            raise InputError(self.path, "sound", "no sample", "Record it again.")

    def check_whole(self) -> None:
        """InputError if it was read, and ended before its end; a word on stderr if it has less than its header says."""
        if self._fault is not None:
            raise self._fault
        if self._count + _MISSING * self.rate < self._promised:
            print(f"{self.path}: {self._promised / self.rate:.2f} s by its header, or by its size where that does not "
                  f"know, but {self._count / self.rate:.2f} s of sound. It may be cut off.", file=sys.stderr)

    def _mono(self) -> Iterator[np.ndarray]:
        self._count, self._fault = 0, None
        try:
            for chunk in sound_chunks(self.path, self.rate):  # a second, so that little is lost at a fault
                if fault := first_fault(chunk, self.rate, self._count):
                    self._fault = InputError(self.path, SOUND, fault, "Repair the file or record it again.")
                sound = chunk[:sound_length(chunk)]
                self._count += len(sound)
                yield sound.mean(axis=1)
                if self._fault:
                    return
        except SoundError as error:
            self._fault = self._unreadable(error, f", after {self._count / self.rate:.3f} s")

    def _unreadable(self, error: SoundError, where: str = "") -> InputError:
        return InputError(self.path, "audio that libsndfile can read", f"{error}{where}", "Convert it to wav.")


def read_any(path: Path) -> np.ndarray:
    """All of a recording, (N,); InputError as of its class, but not for one without a sample."""
    recording = Recording(path)
    found = np.concatenate([np.zeros(0, np.float32), *recording.parts()])
    recording.check_whole()
    return found
