"""What stands in a training's way, found before it starts: files, disk, GPUs and the launcher's programs."""

import math
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from omegaconf import DictConfig

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import in_clone, install
from mgcm_fairseq.recipes.gpus import GIB, Gpu
from mgcm_fairseq.recipes.launch import Launch

T = TypeVar("T")


class Problems(list[str]):
    """All that is wrong, so that a dry run can show it at once."""

    def catch(self, action: Callable[[], T]) -> T | None:
        """What `action` returns, or None after its InputError has been noted."""
        try:
            return action()
        except InputError as error:
            if str(error) not in self:  # what is looked at alone may be met again where all is built
                self.append(str(error))
            return None


def audio_files(folder: Path, files: Iterable[Path]) -> int:
    """How many there are; InputError if one is missing."""
    files = list(files)
    missing = [path for path in files if not os.path.isfile(path)]  # False for a name that no file can have
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


def machine(launch: Launch, gpus: Sequence[Gpu]) -> None:
    """InputError unless this machine, with these GPUs, can start the training."""
    launch.check()
    if find_spec("fairseq_cli") is None:
        raise InputError(sys.executable, "a Python with fairseq's programs", "no package fairseq_cli",
                         "Run scripts/setup.sh, or set PYTHON to one that has fairseq-fixed." if in_clone()
                         else "Install fairseq-fixed beside this package.")
    if launch.launcher == "slurm":
        if shutil.which("sbatch") is None:
            raise InputError("--launcher slurm", "sbatch on the PATH", "none", "Start it on a login node.")
        if find_spec("submitit") is None:
            raise InputError("--launcher slurm", "Hydra's launcher for SLURM", "no package submitit",
                             f"Install it: {install('slurm')}.")
    elif not launch.cluster.cpu and len(gpus) < launch.cluster.gpus:
        raise InputError("--gpus", f"{launch.cluster.gpus} GPUs that PyTorch sees", str(len(gpus)),
                         "Pass --gpus with what there is, or --cpu.")


def memory(room: float, needed_bytes: float) -> None:
    """InputError where a worker is estimated to take more than the `room` on its GPU."""
    if needed_bytes > room:
        raise InputError("--gpu-memory, or the GPU's own", f"room for an estimated {needed_bytes / GIB:.1f} GiB",
                         f"{room / GIB:.1f} GiB to be filled", "Should it run out: add "
                         "++model.checkpoint_activations=true, or halve dataset.max_tokens and dataset.batch_size and "
                         "double optimization.update_freq.")


def precision(cfg: DictConfig) -> None:
    """InputError where fairseq would take one kind of half precision for another."""
    chosen = [name for name in ("fp16", "bf16", "amp") if cfg.common[name]]
    if len(chosen) > 1:
        raise InputError("KEY=VALUE", "one of common.fp16, common.bf16 and common.amp", " and ".join(chosen),
                         "Switch the others off; the YAMLs begin with common.fp16=true.")


def averaging(cfg: DictConfig, best_of: int) -> None:
    """InputError where a training will not leave as many of its best checkpoints as are to be averaged."""
    every, after, last = (cfg.checkpoint.save_interval_updates, cfg.dataset.validate_after_updates,
                          cfg.optimization.max_update)
    if every < 1:
        raise InputError("checkpoint.save_interval_updates", "a number of updates from 1 on", str(every),
                         "Checkpoints in between are what is averaged; the YAMLs have 1000.")
    if cfg.dataset.disable_validation or cfg.checkpoint.no_save or after > last:
        raise InputError("KEY=VALUE", "validated checkpoints, of which the best are averaged",
                         f"dataset.disable_validation={cfg.dataset.disable_validation}, checkpoint.no_save="
                         f"{cfg.checkpoint.no_save}, dataset.validate_after_updates={after}", "Leave that out.")
    scored = math.ceil(last / every) - max(0, math.ceil(after / every) - 1)
    left = max(0, min(scored, cfg.checkpoint.keep_best_checkpoints))
    if left < best_of:
        raise InputError("--best", f"at most {left}, as checkpoint.keep_best_checkpoints and "
                         "checkpoint.save_interval_updates leave", str(best_of), "Lower it, or keep more.")
