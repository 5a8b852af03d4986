"""What stands in a training's way, found before it starts: files, disk, GPUs and the launcher's programs."""

import math
import shutil
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import torch
from omegaconf import DictConfig

from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.recipes.launch import Launch

GIB = 2**30
T = TypeVar("T")


class Problems(list[str]):
    """All that is wrong, so that a dry run can show it at once."""

    def catch(self, action: Callable[[], T]) -> T | None:
        """What `action` returns, or None after its InputError has been noted."""
        try:
            return action()
        except InputError as error:
            self.append(str(error))
            return None


def audio_files(folder: Path, files: Iterable[Path]) -> int:
    """How many there are; InputError if one is missing."""
    files = list(files)
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise InputError(folder, f"the {len(files)} audio files of its manifests", f"no {missing[0]}, and "
                         f"{len(missing) - 1} more are missing", "Mount or copy the audio, or prepare it again.")
    return len(files)


def disk(folder: Path, needed_bytes: int) -> None:
    """InputError unless as much is free where `folder` is or will be."""
    existing = next(parent for parent in [folder, *folder.parents] if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed_bytes:
        raise InputError("--out", f"{needed_bytes / GIB:.1f} GiB of free disk", f"{free / GIB:.1f} GiB at {existing}",
                         "Free some, choose another folder, or lower checkpoint.keep_interval_updates and "
                         "checkpoint.keep_best_checkpoints.")


def machine(launch: Launch) -> None:
    """InputError unless this machine can start the training."""
    launch.check()
    if launch.launcher == "slurm":
        if shutil.which("sbatch") is None:
            raise InputError("--launcher slurm", "sbatch on the PATH", "none", "Start it on a login node.")
        if find_spec("submitit") is None:
            raise InputError("--launcher slurm", "Hydra's launcher for SLURM", "no package submitit",
                             "pip install -c constraints.txt -e '.[slurm]'")
    elif not launch.cluster.cpu and torch.cuda.device_count() < launch.cluster.gpus:
        raise InputError("--gpus", f"{launch.cluster.gpus} GPUs that PyTorch sees", str(torch.cuda.device_count()),
                         "Pass --gpus with what there is, or --cpu.")


def memory(launch: Launch, needed_bytes: float) -> None:
    """InputError where a GPU of this machine has less than a worker is estimated to take."""
    if launch.launcher == "slurm" or launch.cluster.cpu:
        return
    for index in range(torch.cuda.device_count()):
        total = torch.cuda.get_device_properties(index).total_memory
        if total < needed_bytes:
            raise InputError(f"GPU {index}", f"an estimated {needed_bytes / GIB:.1f} GiB of memory",
                             f"{total / GIB:.1f} GiB", "Should it run out: halve dataset.max_tokens and double "
                             "optimization.update_freq, or add ++model.checkpoint_activations=true.")


def averaging(cfg: DictConfig, best_of: int) -> None:
    """InputError where a training will not leave as many of its best checkpoints as are to be averaged."""
    scored = math.ceil(cfg.optimization.max_update / cfg.checkpoint.save_interval_updates)
    left = min(scored, cfg.checkpoint.keep_best_checkpoints)
    if left < best_of:
        raise InputError("--best", f"at most {left}, as checkpoint.keep_best_checkpoints and "
                         "checkpoint.save_interval_updates leave", str(best_of), "Lower it, or keep more.")
