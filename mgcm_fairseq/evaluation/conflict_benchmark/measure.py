"""Rows of the benchmark: every method on networks of every size."""

import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch._subclasses.fake_tensor import FakeTensorMode

from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.evaluation.conflict_benchmark.floor import floor
from mgcm_fairseq.evaluation.conflict_benchmark.methods import METHODS
from mgcm_fairseq.evaluation.conflict_benchmark.profile import Profile, profile_cpu, profile_cuda
from mgcm_fairseq.evaluation.conflict_benchmark.timing import ratio_to, step_times
from mgcm_fairseq.evaluation.conflict_benchmark.workload import Shape, Workload

Progress = Callable[[str], None]


def measure(size: float, methods: Sequence[str], seconds: float, rounds: int, device: str,
            progress: Progress) -> Iterator[dict[str, Any]]:
    """A row for each method; plain comes first, asked for or not.

    Args:
        size: one of SIZES.
        methods: some of METHODS.
        seconds: length of the utterance.
        rounds: timed steps of each method; with 0 nothing is computed, and memory is that of fake tensors.
        device: cpu or cuda.
        progress: is told what has been done.
    """
    methods = list(dict.fromkeys(["plain", *methods]))
    with FakeTensorMode():
        workload = Workload.build(size, Shape.one(seconds), "cpu")
        parameters, parameter_bytes = sum(p.numel() for p in workload.parameters), workload.parameter_bytes
        limits = floor(workload)
        progress(f"{size} B: {parameters / 1e6:.1f} M parameters; floor {limits.all:.3f} x plain, "
                 f"{limits.above:.3f} x plain above the front end")
        profiles = {}
        if device == "cpu":
            for method in methods:
                profiles[method] = profile_cpu(workload, METHODS[method](workload), fake=True)
                progress(f"{size} B, {method}: {_describe(profiles[method], parameter_bytes)}")
    times: dict[str, list[float]] = {}
    if rounds:
        if device == "cpu":
            _check_memory(size, max(profile.peak for profile in profiles.values()) + parameter_bytes)
        workload = Workload.build(size, Shape.one(seconds), device)
        steps = {method: METHODS[method](workload) for method in methods}
        if device == "cuda":
            for method, step in steps.items():
                profiles[method] = profile_cuda(workload, step)
                progress(f"{size} B, {method}: {_describe(profiles[method], parameter_bytes)}")
        times = step_times(steps, rounds, workload.clear, device, lambda said: progress(f"{size} B, {said}"))
    for method in methods:
        profile = profiles[method]
        yield {
            "method": method, "size_b": size, "parameters": parameters, "device": device,
            "seconds": round(statistics.median(times[method]), 4) if times else None,
            "time_ratio": round(ratio_to(times[method], times["plain"]), 3) if times else None,
            "floor_ratio": round(limits.of(method), 3),
            "peak_over_params": round(profile.peak / parameter_bytes, 3),
            "extra_peak_over_params": round((profile.peak - profiles["plain"].peak) / parameter_bytes, 3),
            "kernels": profile.kernels, "host_syncs": profile.host_syncs,
        }


def _describe(profile: Profile, parameter_bytes: int) -> str:
    return (f"peak {profile.peak / parameter_bytes:.3f} x parameters above them, {profile.kernels} kernels, "
            f"{profile.host_syncs} host syncs")


def _check_memory(size: float, needed: int) -> None:
    """Raises InputError rather than have the operating system end the benchmark."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > free:
        raise InputError("--sizes", f"sizes that fit in the {free / 2**30:.1f} GiB of free memory",
                         f"{size}, whose largest method needs {needed / 2**30:.1f} GiB",
                         "Leave the size or that method out, or pass --fake.")
