"""Memory, kernels and host syncs of one step."""

import gc
import warnings
from typing import NamedTuple

import torch
from torch.autograd import DeviceType

from mgcm_fairseq.benchmarks.conflict.methods import Step
from mgcm_fairseq.benchmarks.conflict.workload import Workload
from mgcm_fairseq.measuring.live_bytes import LiveBytes
from mgcm_fairseq.measuring.operators import Operators


class Profile(NamedTuple):
    """Of a step that begins without gradients and ends with p.grad."""

    peak: int  # bytes over those of the parameters
    kernels: int  # on a CPU: operators other than views, with gradients merged as on a GPU
    host_syncs: int
    busy: float | None = None  # seconds of all kernels; None on a CPU


def profile_cpu(workload: Workload, step: Step, fake: bool) -> Profile:
    """Counts tensors' bytes and operators; the same for real and for fake tensors."""
    workload.clear()
    gc.collect()
    with LiveBytes(workload.parameters) as memory, Operators(fake) as operators:
        step()
    workload.clear()
    return Profile(memory.peak - workload.parameter_bytes, operators.kernels, operators.host_syncs)


def profile_cuda(workload: Workload, step: Step) -> Profile:
    """The allocator's peak, launched kernels, and warnings of torch.cuda.set_sync_debug_mode."""
    workload.clear()
    step()  # cuBLAS and cuDNN allocate what they keep
    workload.clear()
    gc.collect()
    torch.cuda.synchronize()
    start = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    peak = torch.cuda.max_memory_allocated() - start
    host_syncs = sum("synchronizing" in str(warning.message) for warning in caught)
    workload.clear()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        step()
        torch.cuda.synchronize()
    kernels = [event for event in profiler.events() if event.device_type == DeviceType.CUDA]
    workload.clear()
    return Profile(peak, len(kernels), host_syncs, sum(kernel.time_range.elapsed_us() for kernel in kernels) / 1e6)
