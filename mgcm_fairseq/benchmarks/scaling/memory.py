"""Memory of one GPU in training, by what it is for."""

from dataclasses import dataclass

from mgcm_fairseq.benchmarks.scaling.costs import Costs
from mgcm_fairseq.benchmarks.scaling.simulate import HALF

HALF_BYTES = 2


@dataclass(frozen=True)
class GpuMemory:
    """Bytes."""

    weights: float
    optimizer: float  # fp32 copies of weights and gradients, Adam's averages
    buffers: float  # of the all-reduces: legacy_ddp's for all gradients, conflict handling's largest
    step: float  # gradients and activations, at the peak of the worst batch

    @property
    def total(self) -> float:
        """The sum: what is there at the peak."""
        return self.weights + self.optimizer + self.buffers + self.step


def memory(costs: Costs, variant: str, gpus: int) -> GpuMemory:
    """Of a variant with --fp16; the optimizer's state is whole on every GPU."""
    cost = costs.variants[variant]
    exchange = cost.exchange
    buffers = HALF * (exchange.gradients.largest + exchange.backward.largest) if gpus > 1 else 0.0
    return GpuMemory(HALF_BYTES * costs.parameters, costs.optimizer.kept * costs.parameters, buffers,
                     cost.peaks["fp16"])
