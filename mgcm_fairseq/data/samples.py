"""Whether samples are sound: float audio may hold NaN, infinity and values far beyond full scale."""

from collections.abc import Iterable, Iterator

import numpy as np

LOUDEST = 32.0
"""Times full scale, 30 dB above it; what is louder is far beyond full scale.

Float audio may exceed 1: a mix that is too loud reaches a few times full scale, and is clipped or learnt from as it is.
Whole numbers that somebody wrote as floats without dividing them reach hundreds in the quietest speech.
"""
SOUND = f"samples that are numbers within {LOUDEST:.0f} times full scale"  # what messages expect


def first_fault(samples: np.ndarray, rate: int, before: int = 0) -> str | None:
    """What the first faulty sample is and where, as "nan at 1.250 s"; None for sound.

    Args:
        samples: (N,) or (N, channels).
        rate: in Hz.
        before: samples of the file before the first of these.
    """
    position = sound_length(samples)
    if position == len(samples):
        return None
    row = np.atleast_1d(samples[position])
    value = row[~_is_sound(row)][0]
    found = f"{value:.6g} times full scale" if np.isfinite(value) else f"{value}"
    return f"{found} at {(before + position) / rate:.3f} s"


def sound_length(samples: np.ndarray) -> int:
    """How many of (N,) or (N, channels) samples precede the first that is faulty; N for sound."""
    if not samples.size or (samples.min() >= -LOUDEST and samples.max() <= LOUDEST):  # NaN compares as False
        return len(samples)
    return int(np.argwhere(~_is_sound(samples))[0][0])


def _is_sound(samples: np.ndarray) -> np.ndarray:
    """Of each value, also for NaN, which compares as False."""
    return np.asarray(np.abs(samples) <= LOUDEST)


def checked(chunks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """The chunks of a file, (N,) or (N, channels); ValueError with the first fault in place of its chunk."""
    count = 0
    for chunk in chunks:
        if fault := first_fault(chunk, rate, count):
            raise ValueError(fault)
        count += len(chunk)
        yield chunk
