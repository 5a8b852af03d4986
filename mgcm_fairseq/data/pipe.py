"""Sound that comes through a pipe while it is spoken: 16-bit samples of one channel and nothing else."""

import fcntl
import os
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.mapped_wav import FULL_SCALE
from mgcm_fairseq.data.resampling import SHORT, resampled
from mgcm_fairseq.data.sound_files import SoundError, check_header

_BYTES = 1 << 14  # read at a time, at most: half a second at 16 kHz
_SECONDS = 0.1  # of sound resampled at a time, since somebody waits for it
_WAITING = 1 << 20  # bytes that the system holds while the model loads: half a minute; nobody may ask for more
_LOOK = 0.2  # seconds between two looks at whether Ctrl-C was pressed
_FILES = {b"RIFF": "a wav", b"RF64": "a wav", b"fLaC": "a flac", b"OggS": "an ogg", b"FORM": "an aiff",
          b"ID3": "an mp3", b"\x1aE\xdf\xa3": "a webm or mkv", b"caff": "a caf", b"#!AMR": "an amr"}  # first bytes
_MP4 = b"ftyp"  # bytes 4 to 8
_HEAD = 8  # bytes by which a file is known
_RAW = "Send raw samples: `arecord -t raw -f S16_LE -c 1 -r 16000`, `ffmpeg -i FILE -f s16le -ac 1 -ar 16000 -`."


class Pipe:
    """Little-endian samples from a file descriptor, up to its end or to Ctrl-C."""

    name = "-"
    length = None  # which nobody knows

    def __init__(self, descriptor: int, rate: int = SAMPLE_RATE) -> None:
        """InputError for a terminal, and for a rate that no recording has."""
        if os.isatty(descriptor):
            raise InputError("-", "a pipe", "a terminal", _RAW)
        try:
            check_header(0, rate, 1, 0)
        except SoundError as error:
            raise InputError("--sample-rate", "the rate of a recording", str(error), "Correct the option.") from error
        self.rate = rate
        self.stopped = False  # by Ctrl-C
        self._descriptor = descriptor
        self._bytes = 0  # so far
        with suppress(OSError, AttributeError):  # of what is no pipe, and of a system that cannot
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _WAITING)

    def parts(self) -> Iterator[np.ndarray]:
        """Float32 samples (N,) at 16 kHz as they come; InputError for a sound file."""
        return resampled(self._samples(), self.rate, SHORT, _SECONDS)

    def check(self) -> None:
        """InputError if what came, and has ended, cannot have been all."""
        if self._bytes == 0 and not self.stopped:
            raise InputError("-", "samples", "an end without any", f"See what the program before the pipe says. {_RAW}")
        if self._bytes % 2 and not self.stopped:
            raise InputError("-", "samples of 2 bytes", f"{self._bytes:,} bytes", "What came before the last byte is "
                             "translated. Either the sound was cut off, or its samples are no 16-bit ones. " + _RAW)

    @contextmanager
    def ending_at_ctrl_c(self) -> Iterator[None]:
        """The first Ctrl-C meanwhile, which the program before the pipe sees too, ends the sound; the next the
        program."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(*_: Any) -> None:
            self.stopped = True
            signal.signal(signal.SIGINT, before)

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _samples(self) -> Iterator[np.ndarray]:
        rest, left, known = b"", _WAITING, False
        while left > 0:
            ready = select.select([self._descriptor], [], [], 0 if self.stopped else _LOOK)[0]
            if not ready and not self.stopped:
                continue
            data = os.read(self._descriptor, _BYTES) if ready else b""
            ended = not data
            self._bytes += len(data)
            left -= len(data) * self.stopped  # a file, or a fast program, always has more
            data = rest + data
            if not known and not ended and len(data) < _HEAD:
                rest = data
                continue
            if not known and (kind := _file(data)):
                raise InputError("-", "raw samples", f"{kind} file", _RAW)
            known = True
            whole = len(data) // 2 * 2
            rest = data[whole:]
            if whole:
                yield np.frombuffer(data, "<i2", whole // 2) * np.float32(1 / FULL_SCALE)
            if ended:
                return


def _file(data: bytes) -> str | None:
    """What kind of sound file begins with these bytes, if one does."""
    if data[4:_HEAD] == _MP4:
        return "an mp4 or m4a"
    return next((kind for head, kind in _FILES.items() if data.startswith(head)), None)
