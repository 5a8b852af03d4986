"""Quality and latency of each system and policy by operating point: mean and spread over the seeds of training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from mgcm_fairseq.evaluation.comparison.systems import Systems

NO_METRICS = ("point", "degenerate")
Curves = dict[tuple[str, str], "list[Point]"]  # by NAME and policy


@dataclass(frozen=True)
class Spread:
    """Over n seeds; seeds without a value do not count. The standard deviation divides by n - 1."""

    mean: float | None  # None for n = 0
    std: float | None  # None for n < 2
    n: int


@dataclass(frozen=True)
class Point:
    """An operating point of a curve."""

    point: float
    metrics: dict[str, Spread]


def spread(values: Sequence[float | None]) -> Spread:
    """Mean and deviation of the values that are there."""
    present = [value for value in values if value is not None]
    return Spread(mean(present) if present else None, stdev(present) if len(present) > 1 else None, len(present))


def curves(systems: Systems) -> Curves:
    """The points of each NAME and policy by rising operating point, with each metric that any of its seeds states."""
    found: Curves = {}
    for name, seeds in systems.items():
        keys = sorted({key for evaluated in seeds for key in evaluated.runs})
        for policy, point in keys:
            runs = [evaluated.runs[policy, point] for evaluated in seeds if (policy, point) in evaluated.runs]
            found.setdefault((name, policy), []).append(Point(point, _spreads(runs)))
    return found


def offline(systems: Systems) -> dict[tuple[str, str], dict[str, Spread]]:
    """The metrics of each NAME and way of decoding whole utterances."""
    found = {}
    for name, seeds in systems.items():
        for decoding in dict.fromkeys(decoding for evaluated in seeds for decoding in evaluated.results["offline"]):
            runs = [evaluated.results["offline"][decoding] for evaluated in seeds
                    if decoding in evaluated.results["offline"]]
            found[name, decoding] = _spreads(runs)
    return found


def line(points: Sequence[Point], latency: str) -> list[tuple[float, float]]:
    """(latency, BLEU) of the means by rising latency, without points where a seed lacks either.

    The latency's mean would be over other seeds than BLEU's, where it is refused for one of them.
    """
    pairs = [(found.mean, point.metrics["BLEU"].mean) for point in points
             if (found := point.metrics.get(latency)) and found.n == point.metrics["BLEU"].n]
    return sorted((x, y) for x, y in pairs if x is not None and y is not None)


def _spreads(runs: Sequence[Mapping[str, Any]]) -> dict[str, Spread]:
    named = dict.fromkeys(name for run in runs for name, value in run.items()
                          if name not in NO_METRICS and (value is None or isinstance(value, int | float)))
    return {name: spread([run.get(name) for run in runs]) for name in named}
