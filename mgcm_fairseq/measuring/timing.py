"""Step times of several methods in the same run, taken in turns."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch


def step_times(steps: Mapping[str, Callable[[], object]], rounds: int, clear: Callable[[], None], device: str,
               progress: Callable[[str], None], clock: Callable[[], float] = time.perf_counter,
               ) -> dict[str, list[float]]:
    """Method -> seconds of its step in each round, after one round to warm up. Each round runs every method once.

    Args:
        steps: what is timed.
        rounds: timed steps of each method.
        clear: is called before each step, to drop what the one before has left.
        device: cpu or cuda.
        progress: is told of each step.
        clock: seconds since any moment.
    """
    times: dict[str, list[float]] = {method: [] for method in steps}
    for number in range(rounds + 1):
        for method, step in steps.items():
            clear()
            if device == "cuda":
                torch.cuda.synchronize()
            start = clock()
            step()
            if device == "cuda":
                torch.cuda.synchronize()
            seconds = clock() - start
            if number:
                times[method].append(seconds)
            progress(f"round {number} of {rounds}, {method}: {seconds:.3g} s")
    clear()
    return times


def ratio_to(times: list[float], reference: list[float]) -> float:
    """Median over rounds of the ratio within a round, which a machine that slows down meanwhile does not change."""
    return statistics.median(own / other for own, other in zip(times, reference, strict=True))
