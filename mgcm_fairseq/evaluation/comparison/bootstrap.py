"""Paired bootstrap (Koehn, 2004, aclanthology.org/W04-3250): would the difference survive other test sentences?

N sentences, R resamples. A resample is N sentences drawn with replacement, the same for both systems and for quality
and latency; it is kept as how often each sentence was drawn. That a difference is none at all is judged by shifting
the resampled differences to a mean of zero, and counting those at least as far from zero as the observed one, on
either side. (sacreBLEU shifts absolute differences, so its p-values are about half of these where systems differ.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sacrebleu.metrics.bleu import BLEU

PERCENTILES = (2.5, 97.5)
_SUMS = BLEU()  # for scores of n-gram counts, which no tokenizer matters for


@dataclass(frozen=True)
class Difference:
    """Second minus first, with its 95 % interval (percentiles of the resampled differences) and two-sided p-value."""

    difference: float
    low: float
    high: float
    p: float


def draw(sentences: int, resamples: int, seed: int) -> np.ndarray:
    """(R, N) how often each resample drew each sentence; float, so that products with it are exact and quick.

    Raises ValueError without a sentence or a resample.
    """
    if min(sentences, resamples) < 1:
        raise ValueError(f"expected a sentence and a resample at least, found {sentences} and {resamples}")
    drawn = np.random.default_rng(seed).choice(sentences, size=(resamples, sentences), replace=True)
    return np.stack([np.bincount(row, minlength=sentences) for row in drawn]).astype(np.float64)


def bleu_statistics(hypotheses: Sequence[str], references: Sequence[str], tokenizer: str = "13a") -> np.ndarray:
    """(N, 10) lengths and n-gram counts of each sentence, whose sums determine corpus BLEU as quality.bleu has it."""
    return np.array(BLEU(tokenize=tokenizer)._extract_corpus_statistics(hypotheses, [references]), dtype=np.float64)


def corpus_bleu(statistics: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(R,) BLEU of the corpora that hold each sentence as often as a row of counts (R, N) says."""
    return np.array([_SUMS._compute_score_from_stats(row).score for row in (counts @ statistics).tolist()])


def judge(observed: float, resampled: np.ndarray, sentences: int) -> Difference:
    """The test of an observed difference, given the (R,) differences of the resamples of so many sentences.

    All resamples of a single sentence are that sentence: p is 1, for it says nothing of others.
    """
    low, high = np.percentile(resampled, PERCENTILES)
    as_far = np.abs(resampled - resampled.mean()) >= abs(observed)
    p = (int(as_far.sum()) + 1) / (len(resampled) + 1) if sentences > 1 else 1.0
    return Difference(observed, float(low), float(high), p)


def mean_difference(differences: np.ndarray, counts: np.ndarray) -> Difference | None:
    """The test of the mean of (N,) differences, over the sentences where it is not NaN; None if there are none."""
    present = ~np.isnan(differences)
    sizes = counts[:, present].sum(axis=1)
    if not sizes.any():
        return None
    drawn = sizes > 0  # of a few sentences among many, a resample may hold none
    sums = counts[drawn][:, present] @ differences[present]
    return judge(float(differences[present].mean()), sums / sizes[drawn], int(present.sum()))
