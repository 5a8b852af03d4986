"""Whether a chunk of a recording sounds as the one before does: a note does, speech seldom does for long."""

from collections.abc import Sequence

import torch

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.decoding.voice_activity import CHUNK

SAME = 0.955  # cosine of two spectra from which on they sound the same
EMPHASIS = 0.97  # of the sample before that is taken off, so that hum under speech counts for little
LOWEST, HIGHEST = 47.0, 4000.0  # Hz
_WINDOW = torch.hann_window(2 * CHUNK, periodic=False, dtype=torch.float64)


class SteadySound:
    """Of one recording, chunk by chunk.

    A spectrum is of a chunk and the one before it, so that two of them share a chunk and a steady tone has the same one
    wherever its period begins.
    """

    def __init__(self) -> None:
        self._before = torch.zeros(CHUNK, dtype=torch.float64)
        self._spectrum = torch.zeros_like(_spectrum(torch.zeros(2 * CHUNK, dtype=torch.float64)))

    def is_steady(self, samples: Sequence[float]) -> bool:
        """Of the next chunk: CHUNK samples at 16 kHz, or fewer at the end of the recording; silence is not."""
        silence = [0.0] * (CHUNK - len(samples))
        chunk = torch.tensor([*samples, *silence], dtype=torch.float64)
        spectrum = _spectrum(torch.cat([self._before, chunk]))
        cosine = torch.nn.functional.cosine_similarity(spectrum, self._spectrum, dim=0)
        self._before, self._spectrum = chunk, spectrum
        return bool(cosine >= SAME)


def _spectrum(samples: torch.Tensor) -> torch.Tensor:
    """(frequencies,) magnitudes of (2 * CHUNK,) samples."""
    emphasised = samples - EMPHASIS * samples.roll(1)  # but for the first, which the window leaves out
    magnitudes: torch.Tensor = torch.fft.rfft(_WINDOW * emphasised).abs()
    resolution = SAMPLE_RATE / (2 * CHUNK)
    return magnitudes[round(LOWEST / resolution):round(HIGHEST / resolution)]
