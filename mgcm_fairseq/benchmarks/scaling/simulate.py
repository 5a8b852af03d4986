"""Steps of N workers: who computes for how long, who waits, and what the all-reduces take."""

from dataclasses import dataclass

import numpy as np

from mgcm_fairseq.benchmarks.scaling import arithmetic
from mgcm_fairseq.benchmarks.scaling.corpus import SimulatedBatches, SyntheticCorpus, steps
from mgcm_fairseq.benchmarks.scaling.costs import Costs, VariantCost
from mgcm_fairseq.benchmarks.scaling.exchange import Calls
from mgcm_fairseq.benchmarks.scaling.machine import Machine, traffic

HALF = 0.5  # bytes in half precision over those in fp32, in which the exchange was counted


@dataclass(frozen=True)
class SimulatedTraining:
    """How fairseq makes batches and deals them; the paper's sizes."""

    max_tokens: int = 1_500_000  # samples in a batch, padding counted
    batch_size: int = 32  # utterances
    seed: int = 1
    epochs: int = 3
    grouped: bool = False  # --grouped-shuffling
    buckets: int = 0  # all-reduces that conflict handling's are gathered into; 0: as they are


@dataclass(frozen=True)
class SimulatedOutcome:
    """Means over steps, of one GPU unless they say otherwise."""

    gpus: int
    compute_ms: float  # mean over workers
    wait_ms: float  # for the slowest of them
    gradients_ms: float  # data-parallel training's all-reduce
    exchange_ms: float  # conflict handling's, of which
    latency_ms: float  # is there without any data
    traffic_mb: float  # sent in a step
    audio_h_s: float  # hours of speech a second, of all GPUs
    updates: int  # in an epoch
    batch_s: float  # seconds of speech in an update, of all GPUs

    @property
    def step_ms(self) -> float:
        """All of it: nothing overlaps."""
        return self.compute_ms + self.wait_ms + self.gradients_ms + self.exchange_ms


def simulate(costs: Costs, variant: str, corpus: SyntheticCorpus, machine: Machine, training: SimulatedTraining,
             gpus: int) -> SimulatedOutcome:
    """Runs `training.epochs` epochs."""
    cost = costs.variants[variant]
    batches = corpus.batches(training.max_tokens, training.batch_size)
    seconds = np.append(compute_s(costs, cost, batches, machine), 0.0)  # index -1: no batch
    audio = np.append(batches.audio_s, 0.0)
    dealt = [steps(len(batches), gpus, training.seed, epoch, training.grouped)
             for epoch in range(1, training.epochs + 1)]
    order = np.concatenate(dealt)
    computing = seconds[order]
    slowest = computing.max(1)
    kinds = [cost.exchange.gradients, cost.exchange.backward]
    if training.buckets and kinds[1].calls:
        kinds[1] = Calls(min(training.buckets, kinds[1].calls), kinds[1].volume, kinds[1].largest)
    on_wire = [machine.transfer_s(gpus, HALF * kind.volume) for kind in kinds]
    called = [machine.latency_s(gpus, kind.calls) for kind in kinds]
    step = slowest.mean() + sum(on_wire) + sum(called)
    heard = audio[order].sum(1).mean()
    return SimulatedOutcome(
        gpus, 1e3 * float(computing.mean()), 1e3 * float((slowest - computing.mean(1)).mean()),
        1e3 * (on_wire[0] + called[0]), 1e3 * (on_wire[1] + called[1]), 1e3 * called[1],
        sum(traffic(gpus, HALF * kind.volume) for kind in kinds) / 1e6,
        float(heard / 3600 / step), len(dealt[0]), float(heard))


def compute_s(costs: Costs, cost: VariantCost, batches: SimulatedBatches, machine: Machine) -> np.ndarray:
    """Seconds of each batch on one GPU: arithmetic and merging, or launching if that is longer; then the optimizer."""
    operations = arithmetic.flops(cost.flops, batches.utterances, batches.samples, batches.source, batches.target)
    device = operations / machine.flops + cost.merged / machine.memory_gb_s / 1e9
    host = cost.kernels * machine.launch_us * 1e-6
    return np.maximum(device, host) + costs.parameters * costs.optimizer.touched / machine.memory_gb_s / 1e9


def efficiency(outcome: SimulatedOutcome, alone: SimulatedOutcome) -> float:
    """Speech a second and GPU, over that of one GPU."""
    return outcome.audio_h_s / outcome.gpus / alone.audio_h_s
