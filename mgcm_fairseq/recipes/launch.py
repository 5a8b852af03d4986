"""The command that starts a training: by fairseq on one machine, by torchrun, or by SLURM through Hydra's launcher."""

import os
import re
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS, HOME
from mgcm_fairseq.recipes.cluster import Cluster

LAUNCHERS = ("local", "torchrun", "slurm")
CORES = 3  # of a CPU for each GPU: a trainer and the recipes' two loader processes
PROGRAM = [sys.executable, "-m", "fairseq_cli.hydra_train"]
DAY = 24 * 60  # minutes; a job that SLURM stops is submitted again by hand and goes on


@dataclass(frozen=True)
class Launch:
    """How the processes of a cluster are started."""

    launcher: str  # one of LAUNCHERS
    cluster: Cluster
    node_rank: int = 0  # of this machine, for torchrun
    master: str = ""  # HOST or HOST:PORT of machine 0, for torchrun on several

    def command(self, training: str, folder: Path, overrides: Sequence[str]) -> list[str]:
        """What to run in the repository; `folder` holds the training's checkpoints and Hydra's files."""
        self.check()
        where = self._slurm(folder) if self.launcher == "slurm" else [f"hydra.run.dir={quoted(folder)}"]
        hydra = ["--config-dir", str(CONFIGS), "--config-name", f"paper/{training}", *where, *overrides]
        if self.launcher == "torchrun":
            return [sys.executable, "-m", "torch.distributed.run", *self._torchrun(folder), "-m",
                    "mgcm_fairseq.recipes.worker", *hydra]
        return [*PROGRAM, *(["--multirun"] if self.launcher == "slurm" else []), *hydra]

    def environment(self) -> dict[str, str]:
        """For that command. fairseq would join the processes of SLURM or torchrun that it finds there."""
        found = {name: value for name, value in os.environ.items() if self.launcher == "slurm" or not (
            name.startswith("SLURM_") or name in ("MASTER_ADDR", "MASTER_PORT", "RANK", "LOCAL_RANK", "WORLD_SIZE"))}
        return {**found, "PWD": str(HOME), "PYTHONWARNINGS": "ignore"}  # those of fairseq and Hydra

    def check(self) -> None:
        """InputError for a cluster that the launcher cannot make."""
        if self.launcher == "local" and self.cluster.nodes > 1:
            raise InputError("--nodes", "1 with --launcher local", str(self.cluster.nodes),
                             "Use --launcher torchrun on every machine, or --launcher slurm.")
        if self.launcher == "local" and self.cluster.cpu and self.cluster.gpus > 1:
            raise InputError("--gpus", "1 with --cpu and --launcher local, for fairseq starts one process a GPU",
                             str(self.cluster.gpus), "Use --launcher torchrun.")
        if self.launcher == "torchrun" and self.cluster.nodes > 1 and not self.master:
            raise InputError("--master", "HOST or HOST:PORT of the first machine", "nothing", "Pass it on all.")
        if not 0 <= self.node_rank < self.cluster.nodes:
            raise InputError("--node-rank", f"0 to {self.cluster.nodes - 1}, of --nodes {self.cluster.nodes}",
                             str(self.node_rank), "Number the machines from 0.")

    def _torchrun(self, folder: Path) -> list[str]:
        options = ["--nnodes", str(self.cluster.nodes), "--nproc-per-node", str(self.cluster.gpus)]
        if self.cluster.nodes == 1:
            return [*options, "--standalone"]
        host, _, port = self.master.partition(":")
        return [*options, "--node-rank", str(self.node_rank), "--master-addr", host,
                "--master-port", port or str(_port(folder))]

    def _slurm(self, folder: Path) -> list[str]:
        """A task for each GPU; fairseq finds the others by SLURM's variables."""
        gpus = 0 if self.cluster.cpu else self.cluster.gpus
        return ["hydra/launcher=submitit_slurm", f"hydra.launcher.nodes={self.cluster.nodes}",
                f"hydra.launcher.tasks_per_node={self.cluster.gpus}", f"hydra.launcher.gpus_per_node={gpus}",
                f"hydra.launcher.cpus_per_task={CORES}", f"hydra.launcher.timeout_min={DAY}",
                f"hydra.launcher.submitit_folder={quoted(f'{folder}/slurm/%j')}", f"hydra.sweep.dir={quoted(folder)}",
                "hydra.sweep.subdir=.", f"distributed_training.distributed_port={_port(folder)}"]


def quoted(path: Path | str) -> str:
    """A path as Hydra reads it in KEY=VALUE, whatever characters it has."""
    doubled = re.sub(r"\\+(?='|$)", lambda found: 2 * found[0], str(path))  # Hydra halves them before a quote alone
    return "'" + doubled.replace("'", "\\'") + "'"


def _port(folder: Path) -> int:
    """One that all machines of a training find, and hardly any other training has."""
    return 20_000 + zlib.crc32(str(folder).encode()) % 10_000
