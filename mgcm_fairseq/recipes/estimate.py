"""What a training will take: memory, hours and disk, from its configuration and one step's cost."""

from dataclasses import dataclass

from omegaconf import DictConfig

from mgcm_fairseq.evaluation.scaling.memory import Memory

ADAM = 8  # bytes a parameter: two moments in fp32
MASTER = 8  # fairseq's FP16Optimizer: weights and gradients once more, flat, in fp32


@dataclass(frozen=True)
class Estimate:
    """Of one training; memory is that of each worker."""

    parameters: int
    memory: Memory
    hours: float
    disk_bytes: int


def memory(cfg: DictConfig, parameters: int, step_peak: int, workers: int) -> Memory:
    """Of a worker, with legacy_ddp's buffer alone: what a rule exchanges under --conflict-reduce global is not counted.

    Args:
        step_peak: bytes of activations and gradients at their most.
    """
    size = bytes_per_weight(cfg)
    return Memory(weights=parameters * size, optimizer=parameters * (ADAM + (MASTER if size == 2 else 0)),
                  buffers=parameters * size if workers > 1 else 0, step=step_peak)


def hours(cfg: DictConfig, flops_per_update: float, tflops: float) -> float:
    """Of training alone: without validation, loading and waiting for other GPUs.

    Args:
        flops_per_update: of one GPU, over all its micro-batches.
        tflops: that a GPU keeps up, in 10^12 a second.
    """
    return float(cfg.optimization.max_update * flops_per_update / (tflops * 1e12) / 3600)


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
