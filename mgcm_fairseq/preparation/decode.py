"""Any sound file as 16 kHz mono PCM-16, chunk by chunk."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mgcm_fairseq.data.samples import checked
from mgcm_fairseq.data.sound_files import known_length, opened, sound_chunks
from mgcm_fairseq.preparation.containers import CONTAINERS, container_chunks, read_container_header
from mgcm_fairseq.preparation.resample import resampled

_MISSING = 0.1  # seconds by which decoded sound may fall short of its header, which counts whole packets


def decoded(path: Path) -> Iterator[np.ndarray]:
    """Int16 samples (N,) at 16 kHz: channels averaged, rate converted, 16-bit samples unchanged where they fit.

    Raises ValueError if the file cannot be decoded, at a sample that is no sound, or after the last chunk if the file
    holds less than its header promises.
    """
    if path.suffix.lower() in CONTAINERS:
        header = read_container_header(path)
        if isinstance(header, str):
            raise ValueError(header)
        length, rate = header
        channels: Iterator[np.ndarray] = (chunk.T for chunk in container_chunks(path))
    else:
        with opened(path) as file:
            length, rate = known_length(file) or 0, file.samplerate
        channels = sound_chunks(path)
    count = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal count
        for chunk in checked(channels, rate):
            count += len(chunk)
            yield chunk[:, 0] if chunk.shape[1] == 1 else chunk.mean(axis=1)

    for chunk in resampled(counted(), rate):
        yield np.clip(np.rint(chunk * 32_768), -32_768, 32_767).astype(np.int16)
    if count + _MISSING * rate < length:
        raise ValueError(f"{count / rate:.2f} s of the {length / rate:.2f} s of its header")
