"""Which runs to hold against each other: of the same policy and operating point, and of about the same latency."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple

from mgcm_fairseq.evaluation.comparison.systems import Key


class SystemRun(NamedTuple):
    """A simultaneous run of a NAME's first seed."""

    name: str
    policy: str
    point: float


class Pair(NamedTuple):
    """Two runs, and by how much the second's latency exceeds the first's; None where one of them has none."""

    first: SystemRun
    second: SystemRun
    gap: float | None


Latencies = Mapping[str, Mapping[Key, float | None]]  # by NAME, then by policy and operating point


def latencies(runs: Mapping[str, Mapping[Key, Mapping[str, Any]]], latency: str) -> Latencies:
    """The corpus latency of each run, by rising policy and operating point."""
    return {name: {key: of_name[key][latency] for key in sorted(of_name)} for name, of_name in runs.items()}


def same_point(found: Latencies) -> list[Pair]:
    """For each two NAMEs, the runs of each policy and operating point that both have."""
    return [_pair(SystemRun(first, *key), SystemRun(second, *key), found)
            for first, second in combinations(found, 2) for key in found[first] if key in found[second]]


def matched(found: Latencies) -> list[Pair]:
    """For each two curves (NAME and policy), each run of the first with the run of the second nearest in latency.

    Runs without latency have no match; of two equally near, the one of less latency is taken.
    """
    curves: dict[tuple[str, str], list[tuple[float, SystemRun]]] = {}
    for name, of_name in found.items():
        for (policy, point), value in of_name.items():
            if value is not None:
                curves.setdefault((name, policy), []).append((value, SystemRun(name, policy, point)))
    pairs = []
    for first, second in combinations(map(sorted, curves.values()), 2):
        for value, run in first:
            nearest = min(second, key=lambda other: abs(other[0] - value))
            pairs.append(_pair(run, nearest[1], found))
    return pairs


def _pair(first: SystemRun, second: SystemRun, found: Latencies) -> Pair:
    before, after = (found[run.name][run.policy, run.point] for run in (first, second))
    return Pair(first, second, None if before is None or after is None else after - before)
