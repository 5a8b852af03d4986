"""Floating point operations of a training step as a polynomial in a batch's lengths, fitted to counted steps."""

from collections.abc import Sequence

import numpy as np

from mgcm_fairseq.benchmarks.conflict.workload import Shape, Workload
from mgcm_fairseq.benchmarks.scaling.variants import TrainingVariant, step_of
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.measuring.work import Work

FITTED = [Shape(1, round(seconds * SAMPLE_RATE), source, target) for seconds, source, target in (
    (1, 4, 5), (1, 90, 40), (2, 4, 110), (5, 30, 40), (5, 90, 5), (12, 30, 110), (12, 4, 5), (20, 60, 70), (28, 4, 110),
    (28, 90, 5), (28, 90, 110), (28, 30, 40))]
HELD_OUT = [Shape(3, 52_963, 17, 12), Shape(2, 275_111, 71, 83)]


def count(workload: Workload, variant: TrainingVariant) -> int:
    """FLOPs of one step."""
    workload.clear()
    step = step_of(workload, variant.start(workload))
    with Work() as work:
        step()
    workload.clear()
    return work.flops


def fit(workload: Workload, variant: TrainingVariant) -> tuple[list[float], float]:
    """Coefficients for `flops`, and the largest relative error on batches that they were not fitted to."""
    terms = _terms(*np.array([shape[1:] for shape in FITTED]).T)
    counted = np.array([count(workload.of(shape), variant) for shape in FITTED])
    coefficients = np.linalg.lstsq(terms / counted[:, None], np.ones(len(FITTED)), rcond=None)[0]
    expected = flops(coefficients.tolist(), *np.array(HELD_OUT).T)
    found = np.array([count(workload.of(shape), variant) for shape in HELD_OUT])
    return coefficients.tolist(), float(np.abs(expected / found - 1).max())


def flops(coefficients: Sequence[float], utterances: np.ndarray, samples: np.ndarray, source: np.ndarray,
          target: np.ndarray) -> np.ndarray:
    """FLOPs of batches, each padded to its longest audio, transcript and translation."""
    return utterances * (_terms(samples, source, target) @ np.asarray(coefficients))


def _terms(samples: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Linear layers, self-attention, and each decoder's attention to its source; in seconds and tokens."""
    x, u, v = samples / SAMPLE_RATE, source, target
    return np.stack([np.ones_like(x), x, x * x, u, u * u, v, v * v, x * u, x * v, u * v], axis=-1)
