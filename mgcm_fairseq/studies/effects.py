"""What a system gains over the baseline: the mean over seeds, with the interval that test sentences and seeds give."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np

from mgcm_fairseq.evaluation.comparison.bootstrap import corpus_bleu, draw, judge

RESAMPLES = 1000


@dataclass(frozen=True)
class Effect:
    """System minus baseline in BLEU."""

    by_seed: list[float]
    difference: float  # mean over seeds
    low: float  # 95 % interval over test sentences and seeds
    high: float
    p: float  # two-sided


def effect(system: Sequence[Sequence[np.ndarray]], baseline: Sequence[Sequence[np.ndarray]],
           seed: int = 1) -> Effect:
    """The paired bootstrap in which a resample draws N sentences and S seeds, both with replacement.

    The same sentences and seeds are drawn for both systems, and in test sets of one size the same sentences for all
    source languages. The difference is the mean of the languages'. With three seeds, the interval says little of other
    seeds: read `by_seed` too.

    Args:
        system, baseline: for each seed, in the same order, of each language (N, 10) statistics of the test sentences.
        seed: of the bootstrap.
    Raises:
        ValueError: other numbers of seeds.
    """
    if len(system) != len(baseline) or not system:
        raise ValueError(f"expected as many seeds of both systems, found {len(system)} and {len(baseline)}")
    sizes = [len(one) for one in system[0]]
    counts = [draw(size, RESAMPLES, seed) for size in sizes]
    every = [np.ones((1, size)) for size in sizes]
    by_seed = [float(_differences(one, other, every)[0]) for one, other in zip(system, baseline, strict=True)]
    resampled = np.stack([_differences(one, other, counts) for one, other in zip(system, baseline, strict=True)])
    seeds = np.random.default_rng(seed + 1).integers(len(system), size=(len(system), RESAMPLES))
    drawn = np.take_along_axis(resampled, seeds, axis=0).mean(axis=0)
    judged = judge(mean(by_seed), drawn, max(sizes))
    return Effect(by_seed, judged.difference, judged.low, judged.high, judged.p)


def _differences(system: Sequence[np.ndarray], baseline: Sequence[np.ndarray],
                 counts: Sequence[np.ndarray]) -> np.ndarray:
    """(R,) differences in BLEU of the resamples, mean over languages."""
    of_languages = zip(system, baseline, counts, strict=True)
    return np.mean([corpus_bleu(one, of) - corpus_bleu(other, of) for one, other, of in of_languages], axis=0)


def updates_to(bleu: float, curve: Sequence[tuple[int, float]]) -> float | None:
    """Updates at which a (updates, BLEU) curve first reaches `bleu`, by lines between points; None if it never does."""
    before = (0, 0.0)
    for updates, value in curve:
        if value >= bleu:
            share = (bleu - before[1]) / (value - before[1]) if value > before[1] else 0.0
            return before[0] + share * (updates - before[0])
        before = (updates, value)
    return None


def spread(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Mean and standard deviation over seeds. None of no seed, and where one has no value, for the others' mean stands
    beside means of all; the latter also of one.
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None, None
    return mean(known), stdev(known) if len(known) > 1 else None
