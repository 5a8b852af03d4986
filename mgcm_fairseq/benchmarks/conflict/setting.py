"""What one table of the benchmark is measured with."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import torch

from mgcm_fairseq.benchmarks.conflict.workload import SOURCE, TARGET, Shape
from mgcm_fairseq.data.audio import SAMPLE_RATE

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class BenchmarkSetting:
    """A network, its batch and its clock."""

    size: str  # one of SIZES
    utterances: int  # in the batch
    speech_s: float  # length of each utterance
    dtype: str  # one of DTYPES: of parameters and activations
    device: str  # cpu or cuda
    tf32: bool  # matrix products in fp32 may use TF32
    clock: str  # one of CLOCKS
    rounds: int  # timed steps of each method; 0: nothing is computed, and memory is that of fake tensors

    @property
    def shape(self) -> Shape:
        """Of the batch."""
        return Shape(self.utterances, round(self.speech_s * SAMPLE_RATE), SOURCE, TARGET)

    def __str__(self) -> str:
        return f"{self.size}, {self.utterances} x {self.speech_s:g} s, {self.dtype}"

    def columns(self) -> dict[str, Any]:
        """As part of a row."""
        return asdict(self)
