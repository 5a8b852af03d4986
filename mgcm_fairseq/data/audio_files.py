"""Reading spans of many audio files, of which a bounded number is open: 16-bit wavs mapped, others by soundfile."""

import os
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import soundfile

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.mapped_wav import MappedWav
from mgcm_fairseq.data.samples import SOUND, first_fault

OPEN_FILES = 256  # a process may have 1,024 descriptors by default, and loaders pass tensors through some
_AGAIN = "The audio changed after preparation: prepare it again."


class _Opened(NamedTuple):
    state: tuple[int, ...]
    audio: Any  # MappedWav or _Decoded


class _Decoded:
    """What libsndfile reads: flac, ogg, wavs of other sample types."""

    def __init__(self, path: str) -> None:
        self._file = soundfile.SoundFile(path)
        if (self._file.samplerate, self._file.channels) != (SAMPLE_RATE, 1):
            found = f"{self._file.channels} channels at {self._file.samplerate} Hz"
            self._file.close()
            raise InputError(path, f"mono audio at {SAMPLE_RATE} Hz", found, _AGAIN)

    def read(self, offset: int, length: int) -> np.ndarray:
        self._file.seek(min(offset, self._file.frames))
        samples = self._file.read(length, dtype="float32")
        if fault := first_fault(samples, SAMPLE_RATE, offset):
            raise InputError(self._file.name, SOUND, fault, "Prepare the corpus again.")
        return samples

    def close(self) -> None:
        self._file.close()


class AudioFiles:
    """Keeps the files open that were read last, in each process its own."""

    def __init__(self, bound: int = OPEN_FILES) -> None:
        self.bound = bound
        self._open: OrderedDict[str, _Opened] = OrderedDict()
        self._process = os.getpid()

    def __reduce__(self) -> tuple[type["AudioFiles"], tuple[int]]:
        return AudioFiles, (self.bound,)

    def read(self, path: str, offset: int, length: int) -> np.ndarray:
        """Float32 samples (N,) in [-1, 1]; InputError naming a file that is not, or no longer, as in the manifest.
        """
        if self._process != os.getpid():  # a forked process shares the position in a file with the others
            self._open, self._process = OrderedDict(), os.getpid()
        try:
            samples = self._opened(path).read(offset, length)
        except (soundfile.SoundFileError, OSError) as error:
            raise InputError(path, "a readable audio file", str(error), "Prepare the corpus again.") from error
        if len(samples) != length:
            raise InputError(path, f"{length} samples from {offset} on", f"{len(samples)}", _AGAIN)
        return samples

    def close(self) -> None:
        """Closes all files."""
        while self._open:
            self._open.popitem()[1].audio.close()

    def _opened(self, path: str) -> Any:
        """A file truncated while it is mapped would kill the process that reads behind its end: look every time."""
        stat = os.stat(path)
        state = stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
        opened = self._open.get(path)
        if opened is None:
            opened = self._open[path] = _Opened(state, MappedWav.open(path) or _Decoded(path))
            if len(self._open) > self.bound:
                self._open.popitem(last=False)[1].audio.close()
        if opened.state != state:
            raise InputError(path, "the file as it was when it was first read", "another size or time", _AGAIN)
        self._open.move_to_end(path)
        return opened.audio
