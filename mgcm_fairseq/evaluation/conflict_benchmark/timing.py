"""Step times of several methods in the same run, taken in turns."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch

from mgcm_fairseq.evaluation.conflict_benchmark.methods import Step
from mgcm_fairseq.evaluation.conflict_benchmark.workload import Workload


def step_times(workload: Workload, steps: Mapping[str, Step], rounds: int,
               progress: Callable[[str], None]) -> dict[str, list[float]]:
    """Method -> seconds of its step in each round, after one round to warm up. Each round runs every method once."""
    times: dict[str, list[float]] = {method: [] for method in steps}
    cuda = workload.inputs.waveform.is_cuda
    for number in range(rounds + 1):
        for method, step in steps.items():
            workload.clear()
            if cuda:
                torch.cuda.synchronize()
            start = time.perf_counter()
            step()
            if cuda:
                torch.cuda.synchronize()
            seconds = time.perf_counter() - start
            if number:
                times[method].append(seconds)
            progress(f"round {number} of {rounds}, {method}: {seconds:.3g} s")
    workload.clear()
    return times


def ratio_to(times: list[float], reference: list[float]) -> float:
    """Median over rounds of the ratio within a round, which a machine that slows down meanwhile does not change."""
    return statistics.median(own / other for own, other in zip(times, reference, strict=True))
