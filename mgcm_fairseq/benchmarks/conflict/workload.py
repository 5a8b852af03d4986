"""One training batch of three tasks and the network it goes through."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mgcm_fairseq.benchmarks.conflict.sizes import PAD, VOCABULARY, config_of
from mgcm_fairseq.core.conflict import Passing
from mgcm_fairseq.core.kinds import PieceKinds
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.models.simul_st import build_network
from mgcm_fairseq.modules.lengths import at_least_fp32
from mgcm_fairseq.modules.schedule import OFFLINE
from mgcm_fairseq.modules.simul_st import TASKS, SimulSTNetwork, TaskInputs

SOURCE, TARGET = 24, 28  # tokens of an utterance


class Shape(NamedTuple):
    """A batch of equally long utterances."""

    utterances: int  # B
    samples: int  # of audio in each
    source: int  # tokens of each transcript
    target: int  # tokens of each translation

    @classmethod
    def one(cls, seconds: float) -> "Shape":
        """One utterance with the benchmark's tokens."""
        return cls(1, round(seconds * SAMPLE_RATE), SOURCE, TARGET)


@dataclass(frozen=True)
class Workload:
    """The network in training mode and a batch of equally long utterances."""

    network: SimulSTNetwork
    inputs: TaskInputs
    translation: Tensor  # (B, V) tokens
    as_on_gpu: bool = False  # whether engines merge gradients as they do on a GPU, wherever this is

    @classmethod
    def build(cls, size: str, shape: Shape, device: str, dtype: torch.dtype = torch.float32) -> "Workload":
        """A batch for a network of random weights; fake tensors in a FakeTensorMode."""
        torch.manual_seed(0)
        with torch.device(device), _default(dtype):
            network = build_network(config_of(size), PieceKinds(*[[0] * VOCABULARY] * 2), PAD).train()
            return cls(network, *_batch(shape))

    def of(self, shape: Shape) -> "Workload":
        """The same network with another batch."""
        with self.inputs.waveform.device, _default(self.inputs.waveform.dtype):
            return Workload(self.network, *_batch(shape))

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Everything that is trained: all of the network."""
        return list(self.network.parameters())

    @property
    def parameter_bytes(self) -> int:
        """Bytes of the parameters: the unit of every figure of memory."""
        return sum(parameter.nbytes for parameter in self.parameters)

    def losses(self, passing: Passing) -> dict[str, Tensor]:
        """The loss of each task, primary first, summed over tokens."""
        logits = self.network(self.inputs, TASKS, False, OFFLINE, passing).logits
        targets = {"st": self.translation, "asr": self.inputs.transcript, "mt": self.translation}
        return {task: F.cross_entropy(at_least_fp32(logits[task].flatten(0, 1)), targets[task].flatten(),
                                      label_smoothing=0.1, reduction="sum")
                for task in TASKS}

    def clear(self) -> None:
        """Drops all gradients."""
        for parameter in self.parameters:
            parameter.grad = None


def _batch(shape: Shape) -> tuple[TaskInputs, Tensor]:
    count, samples, *texts = shape
    source, target = (torch.randint(PAD + 3, VOCABULARY, (count, length)) for length in texts)
    waveform = 0.1 * torch.randn(count, samples)
    inputs = TaskInputs(waveform, torch.full((count,), samples), source, torch.full((count,), shape.source), source,
                        target)
    return inputs, target


@contextmanager
def _default(dtype: torch.dtype) -> Iterator[None]:
    """A network of fake tensors cannot be converted: it must be made in its type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
