"""What a training will take: memory, hours and disk, from its configuration and what was counted."""

from dataclasses import dataclass

from omegaconf import DictConfig

from mgcm_fairseq.benchmarks.scaling.memory import GpuMemory
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.recipes.measured import Measured

ADAM = 8  # bytes a parameter: two moments in fp32
MASTER = 8  # fairseq's FP16Optimizer: weights and gradients once more, in fp32, from the start
ROOT = 4  # Adam's, of all second moments at once where the parameters are one flat tensor
DDP_BUFFER = 2**28  # numbers in legacy_ddp's, at most


@dataclass(frozen=True)
class Batches:
    """What an epoch's batches take with one cut."""

    count: int
    samples: int  # of all, padding counted
    padding: float  # share of them
    flops: float  # of all
    memory: GpuMemory


@dataclass(frozen=True)
class Estimate:
    """Of one training; memory is that of each worker."""

    parameters: int
    memory: GpuMemory
    padding: float  # share of the samples
    hours: float
    measured: Measured | None  # what the hours are taken from; None: from arithmetic
    disk_bytes: int


def memory(cfg: DictConfig, parameters: int, step_peak: int, workers: int) -> GpuMemory:
    """Of a worker, with legacy_ddp's buffer alone: what a rule exchanges under --conflict-reduce global is not counted.

    Args:
        step_peak: bytes of activations and gradients at their most.
    """
    size, common = bytes_per_weight(cfg), cfg.common
    copies = size == 2 and not (common.memory_efficient_fp16 or common.memory_efficient_bf16)
    flat = copies and common.fp16 and not common.fp16_no_flatten_grads
    updating = parameters * (size + (ROOT if flat else 0))  # gradients are there, activations are not
    return GpuMemory(weights=parameters * size, optimizer=parameters * (ADAM + (MASTER if copies else 0)),
                     buffers=min(parameters, DDP_BUFFER) * size if workers > 1 else 0, step=max(step_peak, updating))


def hours(cfg: DictConfig, batches: Batches, measured: Measured | None, tflops: float) -> float:
    """Of training alone: without validation, loading and waiting for other GPUs.

    Args:
        batches: of an epoch.
        tflops: that a GPU keeps up, in 10^12 a second, where nothing was `measured`.
    """
    micro_batches = cfg.optimization.max_update * cfg.optimization.update_freq[0]  # of one worker
    if measured is None:
        seconds = batches.flops / batches.count / (tflops * 1e12)
    else:
        seconds = batches.samples / batches.count / SAMPLE_RATE / measured.audio_per_s
    return float(micro_batches * seconds / 3600)


def disk_bytes(cfg: DictConfig, parameters: int) -> int:
    """All checkpoints that may stand side by side: kept ones, best, last, the one being written, and their mean."""
    if cfg.checkpoint.no_save:
        return 0
    kept = max(cfg.checkpoint.keep_interval_updates, 0) + max(cfg.checkpoint.keep_best_checkpoints, 0) + 3
    size = bytes_per_weight(cfg)
    return int(parameters * (kept * (size + ADAM) + size))


def bytes_per_weight(cfg: DictConfig) -> int:
    """2 in half precision, else 4."""
    return 2 if cfg.common.fp16 or cfg.common.bf16 else 4
