"""Resampling to 16 kHz part by part, equal to resampling the whole."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from math import gcd
from typing import Any

import numpy as np

from mgcm_fairseq.data.audio import SAMPLE_RATE


@dataclass(frozen=True)
class Filter:
    """A windowed sinc of torchaudio's, which, unlike soxr, is installed in any case."""

    window: str  # as torchaudio names it
    width: int  # zero crossings of the lower rate on each side
    rolloff: float  # of the lower rate's Nyquist frequency
    beta: float | None = None  # of a Kaiser window
    precise: bool = True  # whether the weights are computed in fp64, before they are rounded to fp32


SHORT = Filter("sinc_interp_hann", 6, 0.99, precise=False)
"""That of torchaudio.functional.resample."""


def resampled(chunks: Iterable[np.ndarray], rate: int, sinc: Filter, seconds: float) -> Iterator[np.ndarray]:
    """The same sound at 16 kHz. Parts of 10 s are bit for bit those of the whole; shorter ones, as the last is, may
    differ by the rounding of fp32 (6e-8 of full scale), since torch sums short convolutions in another order.

    Args:
        chunks: float32 samples (N,) at `rate` Hz, in chunks of any size.
        rate: in Hz.
        sinc: the filter.
        seconds: of sound resampled at a time; it comes so much later.
    """
    if rate == SAMPLE_RATE:
        yield from chunks
        return
    divisor = gcd(rate, SAMPLE_RATE)
    old, new = rate // divisor, SAMPLE_RATE // divisor
    step = max(1, int(seconds * rate) // old) * old  # samples resampled at a time
    margin = (int(sinc.width * max(old / new, 1) / sinc.rolloff) // old + 2) * old  # that reach into a step, each side
    waiting = [np.zeros(margin, np.float32)]  # silence before the first sample
    held, total, written = margin, 0, 0
    for chunk in chunks:
        waiting.append(chunk)
        total, held = total + len(chunk), held + len(chunk)
        if held >= step + 2 * margin:
            buffer = np.concatenate(waiting)
            while len(buffer) >= step + 2 * margin:
                yield _convert(buffer[:step + 2 * margin], rate, sinc)[margin // old * new:][:step // old * new]
                written += step // old * new
                buffer = buffer[step:]
            waiting, held = [buffer], len(buffer)
    left = -(-total * new // old) - written
    if left:
        buffer = np.concatenate([*waiting, np.zeros(margin, np.float32)])
        yield _convert(buffer, rate, sinc)[margin // old * new:][:left]


def _convert(samples: np.ndarray, rate: int, sinc: Filter) -> np.ndarray:
    import torch

    with torch.inference_mode():
        return _kernel(rate, sinc)(torch.from_numpy(np.ascontiguousarray(samples))).numpy()


@cache
def _kernel(rate: int, sinc: Filter) -> Any:
    """Imported when needed: sound at 16 kHz needs no torch to be read."""
    import torch

    from mgcm_fairseq.compat import repair_torchaudio

    repair_torchaudio()
    from torchaudio.transforms import Resample

    return Resample(rate, SAMPLE_RATE, sinc.window, sinc.width, sinc.rolloff, sinc.beta,
                    dtype=None if sinc.precise else torch.float32)
