"""Resampling to 16 kHz chunk by chunk, equal to resampling the whole."""

from collections.abc import Iterable, Iterator
from functools import cache
from math import gcd
from typing import Any

import numpy as np

from mgcm_fairseq.data.audio import SAMPLE_RATE

# torchaudio's windowed sinc with the Kaiser window that its documentation gives for librosa's kaiser_best: half the
# level at 95 % of the new Nyquist frequency, nothing above it. torchaudio, unlike soxr, is installed in any case.
_WIDTH, _ROLLOFF, _BETA = 64, 0.9475937167399596, 14.769656459379492


def resampled(chunks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Float32 samples (N,) at `rate` Hz in chunks of any size -> the same sound at 16 kHz, in chunks."""
    if rate == SAMPLE_RATE:
        yield from chunks
        return
    divisor = gcd(rate, SAMPLE_RATE)
    old, new = rate // divisor, SAMPLE_RATE // divisor
    step = 10 * rate  # samples resampled at a time
    # samples on each side that reach into a step: the sinc spans _WIDTH zero crossings of the lower rate
    margin = (int(_WIDTH * max(old / new, 1) / _ROLLOFF) // old + 2) * old
    waiting = [np.zeros(margin, np.float32)]  # silence before the first sample
    held, total, written = margin, 0, 0
    for chunk in chunks:
        waiting.append(chunk)
        total, held = total + len(chunk), held + len(chunk)
        if held >= step + 2 * margin:
            buffer = np.concatenate(waiting)
            while len(buffer) >= step + 2 * margin:
                yield _convert(buffer[:step + 2 * margin], rate)[margin // old * new:][:step // old * new]
                written += step // old * new
                buffer = buffer[step:]
            waiting, held = [buffer], len(buffer)
    left = -(-total * new // old) - written
    if left:
        buffer = np.concatenate([*waiting, np.zeros(margin, np.float32)])
        yield _convert(buffer, rate)[margin // old * new:][:left]


def _convert(samples: np.ndarray, rate: int) -> np.ndarray:
    import torch

    with torch.inference_mode():
        return _kernel(rate)(torch.from_numpy(np.ascontiguousarray(samples))).numpy()


@cache
def _kernel(rate: int) -> Any:
    """Imported when needed: a corpus that lies ready needs no torch to be prepared."""
    import torch

    from mgcm_fairseq.compat import repair_torchaudio

    repair_torchaudio()
    from torchaudio.transforms import Resample

    torch.set_num_threads(1)  # one process a core already
    return Resample(rate, SAMPLE_RATE, "sinc_interp_kaiser", _WIDTH, _ROLLOFF, _BETA)
