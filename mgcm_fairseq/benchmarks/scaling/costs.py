"""What is measured, on a CPU: arithmetic, memory, all-reduces and the optimizer; all that the simulation knows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from mgcm_fairseq.benchmarks.conflict.profile import profile_cpu
from mgcm_fairseq.benchmarks.conflict.workload import Shape, Workload
from mgcm_fairseq.benchmarks.scaling import arithmetic, exchange, optimizer
from mgcm_fairseq.benchmarks.scaling.exchange import Calls, Exchange
from mgcm_fairseq.benchmarks.scaling.metered import MeteredMerger
from mgcm_fairseq.benchmarks.scaling.variants import VARIANTS, TrainingVariant, step_of
from mgcm_fairseq.core.conflict.merge import Merger
from mgcm_fairseq.measuring.work import Work

DTYPES = {"fp16": torch.float16, "fp32": torch.float32}
Progress = Callable[[str], None]


@dataclass(frozen=True)
class VariantCost:
    """Of one variant's step."""

    flops: list[float]  # see arithmetic.flops
    flops_error: float  # relative, on batches that were held out
    kernels: int  # operators other than views, in half precision
    merged: int  # bytes that merging reads and writes, in half precision and without a cache
    peaks: dict[str, int]  # type -> bytes over those of the parameters, in the worst of the largest batches
    exchange: Exchange  # in fp32


@dataclass(frozen=True)
class Costs:
    """Of one network."""

    size: str  # one of SIZES
    parameters: int
    optimizer: optimizer.Update
    variants: dict[str, VariantCost]

    @classmethod
    def read(cls, written: dict[str, Any]) -> "Costs":
        """From what dataclasses.asdict made of them."""
        variants = {}
        for name, cost in written["variants"].items():
            calls = {kind: Calls(**of_kind) for kind, of_kind in cost["exchange"].items()}
            variants[name] = VariantCost(**{**cost, "exchange": Exchange(**calls)})
        return cls(written["size"], written["parameters"], optimizer.Update(*written["optimizer"]), variants)


def measure(size: str, names: Sequence[str], largest: Sequence[Shape], progress: Progress) -> Costs:
    """All costs of a network.

    Args:
        size: one of SIZES.
        names: some of VARIANTS.
        largest: batches, one of which needs most memory.
        progress: is told what has been done.
    """
    found = exchange.measure(size, names)
    progress("all-reduces counted in two processes")
    counted: dict[TrainingVariant, dict[str, Any]] = {}  # local and global differ in what they exchange alone
    for name in names:
        alone = replace(VARIANTS[name], together=False)
        if alone not in counted:
            with FakeTensorMode():
                flops, error = arithmetic.fit(Workload.build(size, Shape.one(1), "cpu"), alone)
                kernels, merged = _launched(size, alone)
                counted[alone] = {"flops": flops, "flops_error": error, "kernels": kernels, "merged": merged,
                                  "peaks": _peaks(size, alone, largest)}
        progress(f"{name}: arithmetic and memory counted")
    parameters = found[names[0]].gradients.volume // torch.float32.itemsize
    return Costs(size, parameters, optimizer.measure(), {
        name: VariantCost(**counted[replace(VARIANTS[name], together=False)], exchange=found[name]) for name in names})


def _launched(size: str, variant: TrainingVariant) -> tuple[int, int]:
    """Operators of a step in half precision, and bytes that merging moves; the same for any batch."""
    workload = Workload.build(size, Shape.one(1), "cpu", torch.float16)
    engine = variant.start(workload)
    if engine is None:
        with Work() as work:
            step_of(workload, engine)()
        return work.operators, 0
    meter = MeteredMerger(engine.merger)
    engine.merger = cast(Merger, meter)
    with Work() as work:
        step_of(workload, engine)()
    return work.operators - meter.here + meter.operators, meter.touched


def _peaks(size: str, variant: TrainingVariant, largest: Sequence[Shape]) -> dict[str, int]:
    """Type -> bytes of the batch that needs most."""
    peaks = {}
    for name, dtype in DTYPES.items():
        workload = Workload.build(size, largest[0], "cpu", dtype)
        found = []
        for shape in largest:
            batch = workload.of(shape)
            found.append(profile_cpu(batch, step_of(batch, variant.start(batch)), fake=True).peak)
        peaks[name] = max(found)
    return peaks
