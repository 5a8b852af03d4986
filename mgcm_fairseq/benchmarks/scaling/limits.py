"""Where training stops scaling, what holds it up there, and what would move it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mgcm_fairseq.benchmarks.scaling.corpus import SyntheticCorpus
from mgcm_fairseq.benchmarks.scaling.costs import Costs
from mgcm_fairseq.benchmarks.scaling.machine import Machine
from mgcm_fairseq.benchmarks.scaling.simulate import SimulatedOutcome, SimulatedTraining, efficiency, simulate

MOST = 1024  # GPUs that are looked at
BUCKETS = 4  # all-reduces that the exchange might be gathered into
DIALS = {"sustained": "sustained FLOP/s", "memory_gb_s": "memory bandwidth", "launch_us": "time to launch an operator",
         "inside_gb_s": "bandwidth in a node", "between_gb_s": "bandwidth between nodes",
         "latency_us": "latency of an all-reduce"}


@dataclass(frozen=True)
class Limit:
    """The first number of GPUs, doubling from 1, below an efficiency; None where there is none up to MOST."""

    below: float
    gpus: int | None
    cause: str  # what costs most beside computing there, or at MOST


def limit(costs: Costs, variant: str, corpus: SyntheticCorpus, machine: Machine, training: SimulatedTraining,
          below: float) -> Limit:
    """Doubles the GPUs until the efficiency falls below."""
    alone = simulate(costs, variant, corpus, machine, training, 1)
    gpus = 1
    while gpus < MOST:
        gpus *= 2
        found = simulate(costs, variant, corpus, machine, training, gpus)
        if efficiency(found, alone) < below:
            return Limit(below, gpus, cause(found))
    return Limit(below, None, cause(found))


def cause(outcome: SimulatedOutcome) -> str:
    """The largest part of a step that one GPU would not have."""
    parts = {"waiting for the slowest worker": outcome.wait_ms, "all-reduce of gradients": outcome.gradients_ms,
             "latency of the exchange": outcome.latency_ms,
             "volume of the exchange": outcome.exchange_ms - outcome.latency_ms}
    return max(parts, key=lambda part: parts[part])


def changes(machine: Machine, training: SimulatedTraining) -> Iterator[tuple[str, Machine, SimulatedTraining]]:
    """What is assumed, halved and doubled, and what could be done."""
    yield "as assumed", machine, training
    for name, text in DIALS.items():
        for factor in (0.5, 2):
            yield f"{text} x {factor:g}", replace(machine, **{name: factor * getattr(machine, name)}), training
    yield ("one adapter for all GPUs of a node",
           replace(machine, between_gb_s=machine.between_gb_s / machine.node), training)
    yield f"exchange in {BUCKETS} all-reduces", machine, replace(training, buckets=BUCKETS)
    yield "batches of like length in a step", machine, replace(training, grouped=True)
    for factor in (0.5, 2, 4):
        yield (f"batches x {factor:g}", machine, replace(training, max_tokens=round(factor * training.max_tokens),
                                                         batch_size=max(1, round(factor * training.batch_size))))
    yield ("like length, x 4, exchange gathered", machine,
           replace(training, grouped=True, buckets=BUCKETS, max_tokens=4 * training.max_tokens,
                   batch_size=4 * training.batch_size))
