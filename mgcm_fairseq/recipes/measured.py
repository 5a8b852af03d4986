"""Trainings whose speed was measured on a GPU: what a plan's hours are taken from where one fits."""

from dataclasses import dataclass

from omegaconf import DictConfig

NEAR = 0.1  # of the parameters: vocabularies differ


@dataclass(frozen=True)
class Measured:
    """One training on one GPU."""

    gpu: str  # as PyTorch names it
    training: str
    scope: str  # --conflict-scope
    precision: str
    samples: int  # in a micro-batch, at most
    parameters: int
    audio_per_s: float  # seconds of audio that a second of training takes in, padding counted
    how: str

    def fits(self, gpu: str, training: str, cfg: DictConfig, parameters: int) -> bool:
        """Whether it was this training on such a GPU."""
        same = (gpu, training, cfg.task.conflict_scope, precision(cfg), cfg.dataset.max_tokens)
        return same == (self.gpu, self.training, self.scope, self.precision, self.samples) and abs(
            parameters / self.parameters - 1) < NEAR


def _on_h200(training: str, scope: str, updates_per_s: float) -> Measured:
    """One update was a micro-batch of 456 s on average, 750 s at most."""
    return Measured("NVIDIA H200", training, scope, "fp16", 12_000_000, 190_677_376, updates_per_s * 456,
                    "Python 3.12.3, torch 2.11.0+cu130; micro-batches of 256 utterances, 456 s (docs/gpu.md)")


MEASURED = [_on_h200("mgcm_multi_task", "all", 2.41), _on_h200("mgcm_multi_task", "above-front-end", 3.28),
            _on_h200("multi_task", "all", 3.55)]


def find(gpu: str, training: str, cfg: DictConfig, parameters: int) -> Measured | None:
    """The measurement that fits, if there is one."""
    return next((one for one in MEASURED if one.fits(gpu, training, cfg, parameters)), None)


def precision(cfg: DictConfig) -> str:
    """fp16, bf16, amp or fp32."""
    return next((name for name in ("fp16", "bf16", "amp") if cfg.common[name]), "fp32")
