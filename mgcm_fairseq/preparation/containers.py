"""Sound in containers that libsndfile does not read (m4a, mp4, webm, ...), decoded by PyAV, which carries FFmpeg."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import install
from mgcm_fairseq.data.sound_files import check_header

CONTAINERS = (".m4a", ".mp4", ".aac", ".webm", ".wma", ".mka")


def read_container_header(path: Path) -> tuple[int, int] | str:
    """Samples and sampling rate of the first stream of sound, or what is wrong with the file."""
    av = _pyav(path)
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return "no stream of sound"
            stream = container.streams.audio[0]
            length = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / av.time_base
            length, rate = int(length * (stream.rate or 0)), int(stream.rate or 0)
            check_header(length, rate, stream.channels, path.stat().st_size)
            return length, rate
    except (av.error.FFmpegError, ValueError) as error:
        return _what(error)


def container_chunks(path: Path) -> Iterator[np.ndarray]:
    """Float32 samples (channels, N) of the first stream of sound; ValueError if decoding fails."""
    av = _pyav(path)
    try:
        with av.open(str(path)) as container:
            resampler = av.AudioResampler(format="fltp")  # the format alone; rate and channels stay as they are
            for frame in container.decode(container.streams.audio[0]):
                for part in resampler.resample(frame):
                    yield part.to_ndarray()
    except av.error.FFmpegError as error:
        raise ValueError(_what(error)) from error


def _pyav(path: Path) -> ModuleType:
    try:
        import av
    except ImportError as error:
        raise InputError(path, f"PyAV, which reads {path.suffix}", "no module av",
                         f"Install it: {install('m4a')}.") from error
    return av


def _what(error: Exception) -> str:
    """FFmpeg's message without the number and the name of the file."""
    return str(getattr(error, "strerror", None) or error)
