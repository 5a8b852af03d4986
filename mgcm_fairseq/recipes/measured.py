"""Trainings whose speed was measured on a GPU: what a plan's hours are taken from where one fits."""

from dataclasses import dataclass

from omegaconf import DictConfig

NEAR = 0.1  # of the parameters: vocabularies differ


@dataclass(frozen=True)
class Measured:
    """One training on one GPU."""

    gpu: str  # as PyTorch names it
    training: str
    precision: str
    rule: str
    scope: str
    engine: str
    granularity: str
    parameters: int
    samples: int  # of the largest micro-batch
    audio_per_s: float  # seconds of audio that a second of training takes in, padding counted
    how: str

    def fits(self, gpu: str, training: str, cfg: DictConfig, parameters: int) -> bool:
        """Whether it was this training on such a GPU: what its speed depends on must be the same."""
        known = (self.gpu, self.training, self.precision, self.rule, self.scope, self.engine, self.granularity,
                 self.samples, False)
        wanted = (gpu, training, precision(cfg), cfg.task.conflict_rule, cfg.task.conflict_scope,
                  str(cfg.task.conflict_engine), str(cfg.task.conflict_granularity), cfg.dataset.max_tokens,
                  cfg.model.checkpoint_activations)
        return known == wanted and abs(parameters / self.parameters - 1) < NEAR


_H200 = "Python 3.12.3, torch 2.11.0+cu130; micro-batches of 256 utterances, 456 s (docs/gpu.md)"
_HOW_AND_SIZE = "streamed", "module", 190_677_376, 12_000_000
MEASURED = [
    Measured("NVIDIA H200", "mgcm_multi_task", "fp16", "mgcm", "all", *_HOW_AND_SIZE, 2.41 * 456, _H200),
    Measured("NVIDIA H200", "mgcm_multi_task", "fp16", "mgcm", "above-front-end", *_HOW_AND_SIZE, 3.28 * 456, _H200),
    Measured("NVIDIA H200", "multi_task", "fp16", "none", "all", *_HOW_AND_SIZE, 3.55 * 456, _H200),
]


def find(gpu: str, training: str, cfg: DictConfig, parameters: int) -> Measured | None:
    """The measurement that fits, if there is one."""
    return next((one for one in MEASURED if one.fits(gpu, training, cfg, parameters)), None)


def precision(cfg: DictConfig) -> str:
    """fp16, bf16, amp or fp32."""
    return next((name for name in ("fp16", "bf16", "amp") if cfg.common[name]), "fp32")
