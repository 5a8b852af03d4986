"""BLEU at equal latency, read off the straight lines between a curve's points and nowhere beyond them."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

import numpy as np

Line = Sequence[tuple[float, float]]  # (latency, BLEU) by rising latency


def interpolate(line: Line, latencies: Sequence[float]) -> list[float | None]:
    """BLEU at each latency, None outside of the line's range. Points of the very same latency count as their mean."""
    if not line:
        return [None] * len(latencies)
    merged = [(x, float(np.mean([y for _, y in points]))) for x, points in groupby(line, key=itemgetter(0))]
    xs, ys = [x for x, _ in merged], [y for _, y in merged]
    values = np.interp(np.array(latencies, dtype=np.float64), xs, ys, left=np.nan, right=np.nan)
    return [None if np.isnan(value) else float(value) for value in values]


def shared_range(lines: Sequence[Line]) -> tuple[float, float] | None:
    """The latencies that all lines reach; None if there is none, as without lines, or for one without points."""
    if not lines or not all(lines):
        return None
    low, high = max(line[0][0] for line in lines), min(line[-1][0] for line in lines)
    return (low, high) if low <= high else None


def evenly(low: float, high: float, count: int) -> list[float]:
    """`count` latencies from low to high, both included; one if they are the same."""
    return [float(value) for value in np.linspace(low, high, count if low < high else 1)]
