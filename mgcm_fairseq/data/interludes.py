"""Interludes: seconds without speech between the utterances of a window, for a model to learn to pass over.

Pauses of a corpus are short, and there is music in few. So a model does not learn that nothing is said in a minute of
silence, of hiss or of tones.
"""

import numpy as np

from mgcm_fairseq.data.audio import SAMPLE_RATE

SHARE = 0.15  # of the windows that have room for the shortest
SHORTEST, LONGEST = SAMPLE_RATE, 8 * SAMPLE_RATE  # samples
LOUDNESS = (-70.0, -15.0)  # dB of full scale, root mean square of hiss and tones
PITCH = (80.0, 1500.0)  # Hz
NOTE = (0.1, 1.0)  # s
HARMONICS = 4


def interlude(random: np.random.Generator, length: int) -> np.ndarray:
    """(length,) float32 samples of silence, hiss or tones."""
    sound = (silence, hiss, melody)[random.integers(3)](random, length)
    power = float(np.sqrt(np.mean(np.square(sound)))) if length else 0.0
    loudness = 10 ** (random.uniform(*LOUDNESS) / 20)
    return (sound * (loudness / power if power else 0.0)).clip(-1, 1).astype(np.float32)


def with_interlude(samples: np.ndarray, start: int, interlude: np.ndarray) -> np.ndarray:
    """`samples` with the interlude before the one at `start`."""
    return np.concatenate([samples[:start], interlude, samples[start:]])


def silence(random: np.random.Generator, length: int) -> np.ndarray:
    """(length,) zeros."""
    return np.zeros(length)


def hiss(random: np.random.Generator, length: int) -> np.ndarray:
    """(length,) samples of white noise, of a root mean square of 1."""
    return random.standard_normal(length)


def melody(random: np.random.Generator, length: int) -> np.ndarray:
    """(length,) samples of notes with harmonics that fade away, of a root mean square of about 0.5."""
    samples, start = np.zeros(length), 0
    while start < length:
        size = min(length - start, round(random.uniform(*NOTE) * SAMPLE_RATE))
        pitch = PITCH[0] * (PITCH[1] / PITCH[0]) ** random.random()
        time = np.arange(size) / SAMPLE_RATE
        note = sum(random.random() * np.sin(2 * np.pi * pitch * harmonic * time)
                   for harmonic in range(1, HARMONICS + 1))
        samples[start:start + size] = note * np.exp(-random.uniform(0, 5) * time)
        start += size
    return samples
