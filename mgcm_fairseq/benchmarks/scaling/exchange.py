"""All-reduces of a training step, counted in real steps of two gloo processes."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from fairseq.distributed.legacy_distributed_data_parallel import LegacyDistributedDataParallel
from torch.utils._python_dispatch import TorchDispatchMode

from mgcm_fairseq import compat
from mgcm_fairseq.benchmarks.conflict.workload import Shape, Workload
from mgcm_fairseq.benchmarks.scaling.variants import VARIANTS, TrainingVariant, step_of
from mgcm_fairseq.core.conflict import Workers

WORLD = 2


@dataclass
class Calls:
    """All-reduces that one worker takes part in."""

    calls: int = 0
    volume: int = 0  # bytes of the tensors
    largest: int = 0  # bytes of one

    def add(self, volume: int) -> None:
        """Counts a call."""
        self.calls, self.volume, self.largest = self.calls + 1, self.volume + volume, max(self.largest, volume)


class AllReduces(TorchDispatchMode):
    """Counts torch.distributed.all_reduce, in a backward pass too."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = Calls()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Counts and goes on."""
        if func is torch.ops.c10d.allreduce_.default:
            self.seen.add(sum(tensor.nbytes for tensor in args[0]))
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True)
class Exchange:
    """Of one step in fp32."""

    backward: Calls  # conflict handling's, while gradients are computed
    gradients: Calls  # data-parallel training's, afterwards


def measure(size: str, variants: Sequence[str]) -> dict[str, Exchange]:
    """TrainingVariant -> what the first of two workers did in its step."""
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(_worker, (folder, size, list(variants)), nprocs=WORLD)
        found = json.loads((Path(folder) / "found.json").read_text())
    return {name: Exchange(*(Calls(**of_kind[kind]) for kind in ("backward", "gradients")))
            for name, of_kind in found.items()}


def _worker(rank: int, folder: str, size: str, variants: list[str]) -> None:
    compat.silence_what_only_others_can_mend()
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=WORLD)
    workload = Workload.build(size, Shape(1, 16_000 + 4_000 * rank, 6, 8), "cpu")
    found = {name: asdict(_step(workload, VARIANTS[name])) for name in variants}
    if rank == 0:
        (Path(folder) / "found.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def _step(workload: Workload, variant: TrainingVariant) -> Exchange:
    workload.clear()
    step = step_of(workload, variant.start(workload, Workers() if variant.together else None))
    with AllReduces() as backward:
        step()
    with AllReduces() as gradients:
        LegacyDistributedDataParallel(workload.network, dist.group.WORLD).all_reduce_grads()
    return Exchange(backward.seen, gradients.seen)
