"""A sound wav for corpora that are spoilt elsewhere."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

LENGTH = 24_000  # samples, 1.5 s


def write_wave(path: Path) -> Path:
    """1.5 s at 16 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, _samples(), 16_000, subtype="PCM_16")
    os.utime(path, (0, 0))  # what is recorded of it is always the same
    return path


@cache
def _samples() -> np.ndarray:
    return (8_000 * np.sin(np.arange(LENGTH) / 9)).astype(np.int16)
