"""Sound of any rate to 16 kHz while it comes: the same samples, however it is cut into packets."""

import numpy as np
import soxr

from mgcm_fairseq.data.audio import SAMPLE_RATE


class Resampler:
    """Of one stream of int16. What it gives is at most 10 ms behind what it was given, and complete at the end."""

    def __init__(self, rate: int) -> None:
        self._stream = None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")

    def take(self, pcm: bytes, last: bool) -> np.ndarray:
        """(N,) float32 samples at 16 kHz that are ready; with `last` all that are left."""
        samples_N = np.frombuffer(pcm, "<i2").astype(np.float32) / 2**15
        return samples_N if self._stream is None else self._stream.resample_chunk(samples_N, last)
