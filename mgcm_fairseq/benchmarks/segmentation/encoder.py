"""The shared encoder's layers with segmented attention beside the same layers without it."""

import gc
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.benchmarks.segmentation.networks import encoder_of
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.measuring.live_bytes import LiveBytes
from mgcm_fairseq.measuring.timing import ratio_to, step_times
from mgcm_fairseq.models.config import PRESETS
from mgcm_fairseq.modules.encoder import SharedEncoder
from mgcm_fairseq.modules.schedule import Phase

NOISE = 3.0  # std on boundary logits (DiSeg)
METHODS = ("plain", "segmented")


@dataclass(frozen=True)
class EncoderWorkload:
    """Encoder layers and a batch of equally long utterances where they begin, behind the front end."""

    encoder: SharedEncoder
    speech: Tensor  # (B, T, D)
    frames: Tensor  # (B,)
    cotangent: Tensor  # (B, T, D) gradient of the encoder's states

    @classmethod
    def build(cls, size: str, frames: int, batch: int, layers: int | None, dropout: float,
              device: str) -> "EncoderWorkload":
        """A preset's layers, or as many as asked for, behind a front end that is not run."""
        torch.manual_seed(0)
        changes = {"w2v_config": PRESETS["demo"]["w2v_config"], "dropout": dropout, "attention_dropout": dropout,
                   "activation_dropout": dropout, **({} if layers is None else {"encoder_layers": layers})}
        with torch.device(device):
            encoder = encoder_of(size, changes)
            speech, cotangent = (torch.randn(batch, frames, encoder.projection.out_features) for _ in range(2))
            return cls(encoder, speech.requires_grad_(), torch.full((batch,), frames), cotangent)

    def encode(self, method: str) -> Tensor:
        """States (B, T, D). Segmented: in expectation, with noise, in training; by decision otherwise."""
        phase = Phase(segmented=method == "segmented", noise=NOISE)
        stream = PLAIN.start(self.speech, ("st",))
        source = self.encoder.speech_source(stream, self.frames, phase, PLAIN)
        [states] = self.encoder.run([source], PLAIN)
        return states.value

    def train(self, method: str) -> None:
        """Forward and backward."""
        self.encoder.train()
        self.encode(method).backward(self.cotangent)

    def forward(self, method: str) -> None:
        """The forward part of `train`."""
        self.encoder.train()
        self.encode(method)

    @torch.no_grad()
    def test(self, method: str) -> None:
        """Forward, in evaluation."""
        self.encoder.eval()
        self.encode(method)

    def clear(self) -> None:
        """Drops all gradients."""
        self.speech.grad = None
        self.encoder.zero_grad(set_to_none=True)

    @property
    def tensors(self) -> list[Tensor]:
        """What is there before a pass: parameters and inputs."""
        return [*self.encoder.parameters(), self.speech, self.cotangent]


PASSES: dict[str, Callable[[EncoderWorkload, str], None]] = {
    "training forward": EncoderWorkload.forward,
    "training forward and backward": EncoderWorkload.train,
    "test": EncoderWorkload.test,
}
"""Name -> what runs it with a method."""


def measure(workload: EncoderWorkload, size: str, rounds: int, device: str, clock: Callable[[], float],
            progress: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """A row for each pass and method; times are medians of `rounds`, taken in turns, ratios those within a round."""
    workload.test("plain")  # after which the table of positions is long enough
    for name, run in PASSES.items():
        steps = {method: partial(run, workload, method) for method in METHODS}
        peaks, made = {}, {}
        for method, step in steps.items():
            peaks[method], made[method] = _memory(workload, step, device)
            progress(f"{size}, {name}, {method}: peak {peaks[method] / 2**20:.0f} MiB")
        times = step_times(steps, rounds, workload.clear, device, partial(_say, progress, f"{size}, {name}"), clock)
        for method in METHODS:
            nbytes, shape = max(made[method] - made["plain"], default=(0, ()))
            yield {
                "size": size, "pass": name, "method": method,
                "seconds": round(statistics.median(times[method]), 4),
                "time_ratio": round(ratio_to(times[method], times["plain"]), 3),
                "peak_mib": round(peaks[method] / 2**20, 1), "peak_ratio": round(peaks[method] / peaks["plain"], 3),
                "largest_beyond_plain": list(shape), "largest_beyond_plain_mib": round(nbytes / 2**20, 1),
            }


def _say(progress: Callable[[str], None], about: str, said: str) -> None:
    progress(f"{about}, {said}")


def _memory(workload: EncoderWorkload, step: Callable[[], None], device: str) -> tuple[int, Counter[Any]]:
    """Peak of bytes beyond parameters and inputs, on CUDA that of its allocator; and what storages there have been."""
    workload.clear()
    gc.collect()
    with LiveBytes(workload.tensors) as memory:
        start = memory.now
        step()
    peak = memory.peak - start
    workload.clear()
    if device == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step()
        peak = torch.cuda.max_memory_allocated() - before
        workload.clear()
    return peak, memory.made
