"""A comparison as one dictionary, compare.json."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.evaluation.comparison.curves import Curves, curves, line, offline
from mgcm_fairseq.evaluation.comparison.interpolation import evenly, interpolate, shared_range
from mgcm_fairseq.evaluation.comparison.pairs import latencies, matched, same_point
from mgcm_fairseq.evaluation.comparison.settings import differing
from mgcm_fairseq.evaluation.comparison.significance import PairedTests, sentence_metric
from mgcm_fairseq.evaluation.comparison.systems import Systems

EVENLY = 5  # latencies, where none are asked for


def assemble(systems: Systems, latency: str, at: Sequence[float] | None, resamples: int, seed: int) -> dict[str, Any]:
    """The whole of compare.json.

    Args:
        systems: as read_systems made them, at least one.
        latency: the metric of the curves' latency axis.
        at: latencies at which to interpolate BLEU; None for EVENLY over the range that all curves share.
        resamples, seed: of the paired bootstrap.
    """
    first = {name: seeds[0] for name, seeds in systems.items()}
    tested = sentence_metric(latency)
    found = latencies({name: evaluated.runs for name, evaluated in first.items()}, latency)
    tests = PairedTests(first, tested, resamples, seed)
    by_point = curves(systems)
    return {
        "latency": latency, "latency_unit": next(iter(first.values())).language.unit,
        "talks": next(iter(first.values())).results["environment"].get("talks"),
        "systems": {name: [{"folder": str(one.folder), "environment": one.results["environment"]} for one in seeds]
                    for name, seeds in systems.items()},
        "differing": differing(systems),
        "offline": [{"name": name, "decoding": decoding, **{metric: asdict(value) for metric, value in metrics.items()}}
                    for (name, decoding), metrics in offline(systems).items()],
        "points": [{"name": name, "policy": policy, "point": point.point,
                    **{metric: asdict(value) for metric, value in point.metrics.items()}}
                   for (name, policy), points in by_point.items() for point in points],
        "interpolated": _interpolated(by_point, latency, at),
        "bootstrap": {
            "sentences": len(next(iter(next(iter(first.values())).instances.values()))),
            "resamples": resamples, "seed": seed, "latency": tested,
            "same_point": [tests.test(pair) for pair in same_point(found)],
            "matched": [tests.test(pair) for pair in matched(found)],
        },
        "environment": environment(),
    }


def _interpolated(by_point: Curves, latency: str, at: Sequence[float] | None) -> dict[str, Any]:
    lines = {curve: line(points, latency) for curve, points in by_point.items()}
    shared = shared_range(list(lines.values()))
    if at is None:
        at = [] if shared is None else evenly(*shared, EVENLY)
    return {
        "shared": None if shared is None else list(shared), "at": list(at),
        "BLEU": [{"name": name, "policy": policy, "BLEU": interpolate(of_curve, at)}
                 for (name, policy), of_curve in lines.items()],
    }
