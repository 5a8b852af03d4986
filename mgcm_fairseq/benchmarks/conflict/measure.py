"""Rows of the benchmark: every method on one network and batch."""

import math
import os
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from mgcm_fairseq.benchmarks.conflict.floor import Floor, floor
from mgcm_fairseq.benchmarks.conflict.methods import STEPS
from mgcm_fairseq.benchmarks.conflict.profile import Profile, profile_cpu, profile_cuda
from mgcm_fairseq.benchmarks.conflict.setting import CLOCKS, DTYPES, BenchmarkSetting
from mgcm_fairseq.benchmarks.conflict.workload import Shape, Workload
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.measuring.timing import ratio_to, step_times

Progress = Callable[[str], None]


def measure(setting: BenchmarkSetting, methods: Sequence[str], progress: Progress) -> Iterator[dict[str, Any]]:
    """A row for each method, of STEPS; plain comes first, asked for or not. `progress` is told what has been done."""
    methods = list(dict.fromkeys(["plain", *methods]))
    dtype = DTYPES[setting.dtype]
    torch.set_float32_matmul_precision("high" if setting.tf32 else "highest")
    parameters, limits = _known(setting.size, setting.speech_s)
    parameter_bytes = parameters * dtype.itemsize
    progress(f"{setting}: {parameters / 1e6:.1f} M parameters; floor {limits.all:.3f} x plain, "
             f"{limits.above:.3f} x plain above the front end")
    profiles = {}
    if setting.device == "cpu":
        with FakeTensorMode():
            workload = Workload.build(setting.size, setting.shape, "cpu", dtype)
            as_on_gpu = replace(workload, as_on_gpu=True)
            for method in methods:
                memory = profile_cpu(workload, STEPS[method](workload), fake=True)
                calls = profile_cpu(as_on_gpu, STEPS[method](as_on_gpu), fake=True)
                profiles[method] = calls._replace(peak=memory.peak)
                progress(f"{setting}, {method}: {_describe(profiles[method], parameter_bytes)}")
    times: dict[str, list[float]] = {}
    if setting.rounds:
        if setting.device == "cpu":
            _check_memory(setting.size, max(profile.peak for profile in profiles.values()) + parameter_bytes)
        workload = Workload.build(setting.size, setting.shape, setting.device, dtype)
        check_losses(workload)
        steps = {method: STEPS[method](workload) for method in methods}
        if setting.device == "cuda":
            for method, step in steps.items():
                profiles[method] = profile_cuda(workload, step)
                progress(f"{setting}, {method}: {_describe(profiles[method], parameter_bytes)}")
        times = step_times(steps, setting.rounds, workload.clear, setting.device,
                           lambda said: progress(f"{setting}, {said}"), CLOCKS[setting.clock])
    for method in methods:
        profile = profiles[method]
        yield {
            "method": method, **setting.columns(), "parameters": parameters, "threads": torch.get_num_threads(),
            "seconds": round(statistics.median(times[method]), 4) if times else None,
            "time_ratio": round(ratio_to(times[method], times["plain"]), 3) if times else None,
            **_busy(profile, profiles["plain"]),
            "floor_ratio": round(limits.of(method), 3),
            "peak_over_params": round(profile.peak / parameter_bytes, 3),
            "extra_peak_over_params": round((profile.peak - profiles["plain"].peak) / parameter_bytes, 3),
            "kernels": profile.kernels, "host_syncs": profile.host_syncs,
        }


@cache
def _known(size: str, speech_s: float) -> tuple[int, Floor]:
    """Number of parameters, and the floor, which is the same for any number of utterances of equal length."""
    with FakeTensorMode():
        workload = Workload.build(size, Shape.one(speech_s), "cpu")
        return sum(parameter.numel() for parameter in workload.parameters), floor(workload)


def _busy(profile: Profile, plain: Profile) -> dict[str, float | None]:
    if profile.busy is None or plain.busy is None:
        return {"busy_seconds": None, "busy_ratio": None}
    return {"busy_seconds": round(profile.busy, 4), "busy_ratio": round(profile.busy / plain.busy, 3)}


def _describe(profile: Profile, parameter_bytes: int) -> str:
    busy = "" if profile.busy is None else f", busy for {profile.busy:.3g} s"
    return (f"peak {profile.peak / parameter_bytes:.3f} x parameters above them, {profile.kernels} kernels, "
            f"{profile.host_syncs} host syncs{busy}")


def check_losses(workload: Workload) -> None:
    """Raises FloatingPointError where the batch has no finite losses, as in a type that is too narrow."""
    with torch.no_grad():
        losses = {task: float(loss) for task, loss in workload.losses(PLAIN).items()}
    if not all(map(math.isfinite, losses.values())):
        raise FloatingPointError(f"expected finite losses, found {losses}")


def _available() -> int:
    """Bytes that new allocations may take: Linux gives up what it keeps of files for them."""
    known = Path("/proc/meminfo")
    found = re.search(r"MemAvailable:\s+(\d+) kB", known.read_text()) if known.is_file() else None
    return int(found[1]) * 1024 if found else os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _check_memory(size: str, needed: int) -> None:
    """Raises InputError rather than have the operating system end the benchmark."""
    free = _available()
    if needed > free:
        raise InputError("--sizes", f"sizes that fit in the {free / 2**30:.1f} GiB of free memory",
                         f"{size}, whose largest method needs {needed / 2**30:.1f} GiB",
                         "Leave the size or that method out, or pass --fake.")
