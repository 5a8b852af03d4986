"""One training batch of three tasks and the network it goes through."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mgcm_fairseq.core.conflict import Passing
from mgcm_fairseq.core.units import PieceKinds
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.evaluation.conflict_benchmark.sizes import PAD, VOCABULARY, config_of
from mgcm_fairseq.models.simul_st import build_network
from mgcm_fairseq.modules.simul_st import TASKS, SimulSTNetwork, TaskInputs

SOURCE, TARGET = 24, 28  # tokens of an utterance


@dataclass(frozen=True)
class Workload:
    """The network in training mode and a batch of equally long utterances."""

    network: SimulSTNetwork
    inputs: TaskInputs
    translation: Tensor  # (B, TARGET) tokens

    @classmethod
    def build(cls, size: float, seconds: float, device: str) -> "Workload":
        """One utterance of `seconds` for a network of random weights; fake tensors in a FakeTensorMode."""
        torch.manual_seed(0)
        samples = round(seconds * SAMPLE_RATE)
        with torch.device(device):
            network = build_network(config_of(size), PieceKinds(*[[0] * VOCABULARY] * 2), PAD, seed=0).train()
            source, target = (torch.randint(PAD + 3, VOCABULARY, (1, length)) for length in (SOURCE, TARGET))
            inputs = TaskInputs(0.1 * torch.randn(1, samples), torch.tensor([samples]), source, torch.tensor([SOURCE]),
                                source, target)
        return cls(network, inputs, target)

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
        logits = self.network(self.inputs, TASKS, False, passing).logits
        targets = {"st": self.translation, "asr": self.inputs.transcript, "mt": self.translation}
        return {task: F.cross_entropy(logits[task].flatten(0, 1), targets[task].flatten(), label_smoothing=0.1,
                                      reduction="sum")
                for task in TASKS}

    def clear(self) -> None:
        """Drops all gradients."""
        for parameter in self.parameters:
            parameter.grad = None
