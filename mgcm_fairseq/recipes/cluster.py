"""The GPUs that a training is given, and the batch that they make together."""

from collections.abc import Sequence
from dataclasses import dataclass

from mgcm_fairseq.common.errors import InputError

PAPER_WORKERS = 8  # GPUs that the YAMLs in configs/paper are written for
UPDATE_FREQ = "optimization.update_freq"


def default_gpus(cpu: bool) -> int:
    """On each machine, unless --gpus says it: as in the paper, or with `cpu` the one process that fairseq starts."""
    return 1 if cpu else PAPER_WORKERS


@dataclass(frozen=True)
class Cluster:
    """`gpus` on each of `nodes`, each with a process; `cpu`: processes without a GPU instead."""

    nodes: int
    gpus: int
    cpu: bool = False

    @property
    def workers(self) -> int:
        """Processes in all."""
        return self.nodes * self.gpus

    def overrides(self, given: Sequence[str]) -> list[str]:
        """What this hardware changes in a YAML. The batch stays that of 8 GPUs, unless update_freq is `given`."""
        frequency = [] if any(one.lstrip("+").startswith(f"{UPDATE_FREQ}=") for one in given) else self._update_freq()
        processor = ["common.cpu=true", "common.fp16=false", "distributed_training.distributed_backend=gloo"]
        return [*frequency, *(processor if self.cpu else []),
                f"distributed_training.distributed_world_size={self.workers}"]

    def _update_freq(self) -> list[str]:
        if PAPER_WORKERS % self.workers:
            raise InputError("--nodes, --gpus", f"a number of GPUs that divides the paper's {PAPER_WORKERS}, so that "
                             "the batch can stay the same", f"{self.workers}",
                             f"Choose the batch yourself: {UPDATE_FREQ}=[1] makes it {self.workers / PAPER_WORKERS:g} "
                             "times the paper's.")
        return [f"{UPDATE_FREQ}=[{PAPER_WORKERS // self.workers}]"]
