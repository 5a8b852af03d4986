"""The machine that is assumed: what a GPU computes and what its links carry. No figure here was measured."""

import math
from dataclasses import dataclass, field
from typing import Any


def _assumed(default: float, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Machine:
    """Nodes of GPUs; the defaults are an A100 machine's."""

    peak_tflops: float = _assumed(312.0, "TFLOP/s of a GPU in half precision")
    sustained: float = _assumed(0.3, "fraction of that which matrix products and convolutions reach, in the mean")
    memory_gb_s: float = _assumed(1500.0, "GB/s of a GPU's memory, for merging gradients and for the optimizer")
    launch_us: float = _assumed(5.0, "us of the host for an operator; a step takes no less than this for all of them")
    node: int = field(default=8, metadata={"help": "GPUs in a node"})
    inside_gb_s: float = _assumed(250.0, "GB/s of a GPU to the others in its node")
    between_gb_s: float = _assumed(25.0, "GB/s of a GPU to its peers in other nodes")
    latency_us: float = _assumed(20.0, "us of an all-reduce without data in a node; as much again for each doubling "
                                       "of the number of nodes")

    @property
    def flops(self) -> float:
        """FLOP/s that are reached."""
        return self.peak_tflops * 1e12 * self.sustained

    def transfer_s(self, gpus: int, volume: float) -> float:
        """Seconds on the wire of an all-reduce of `volume` bytes.

        A ring in the node (reduce-scatter, then all-gather), and between them a ring across nodes for each GPU's share.
        """
        inside = min(gpus, self.node)
        nodes = math.ceil(gpus / self.node)
        return (2 * (inside - 1) / inside * volume / self.inside_gb_s
                + 2 * (nodes - 1) / nodes * volume / inside / self.between_gb_s) / 1e9

    def latency_s(self, gpus: int, calls: int) -> float:
        """Seconds that so many all-reduces take for being called at all."""
        if gpus == 1:
            return 0.0
        return calls * self.latency_us * 1e-6 * (1 + math.log2(math.ceil(gpus / self.node)))


def traffic(gpus: int, volume: float) -> float:
    """Bytes that a GPU sends in a ring all-reduce of `volume` bytes; it receives as many."""
    return 2 * (gpus - 1) / gpus * volume
