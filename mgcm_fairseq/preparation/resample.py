"""Resampling to 16 kHz as the preparation does it: with a long filter, chunk by chunk."""

from collections.abc import Iterable, Iterator

import numpy as np

from mgcm_fairseq.data import resampling
from mgcm_fairseq.data.audio import SAMPLE_RATE

# the Kaiser window that torchaudio's documentation gives for librosa's kaiser_best: half the level at 95 % of the new
# Nyquist frequency, nothing above it
_LONG = resampling.Filter("sinc_interp_kaiser", 64, 0.9475937167399596, 14.769656459379492)
_SECONDS = 10.0  # resampled at a time


def resampled(chunks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Float32 samples (N,) at `rate` Hz in chunks of any size -> the same sound at 16 kHz, in chunks."""
    if rate != SAMPLE_RATE:
        import torch  # not for a corpus that lies ready

        torch.set_num_threads(1)  # one process a core already
    yield from resampling.resampled(chunks, rate, _LONG, _SECONDS)
