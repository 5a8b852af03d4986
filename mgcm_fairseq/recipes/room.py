"""The memory that a training may fill on each GPU, and how an update is cut to fit it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.recipes.count import Count
from mgcm_fairseq.recipes.gpus import GIB, Gpu
from mgcm_fairseq.recipes.identity import begun_with
from mgcm_fairseq.recipes.launch import Launch
from mgcm_fairseq.recipes.micro_batches import Cut, cut_of, cuts, fewest, recut


@dataclass(frozen=True)
class Room:
    """On each GPU; `bytes` is None where it is not known, and the YAMLs' micro-batches stay."""

    bytes: float | None
    text: str  # where it comes from
    gpu: str = ""  # its name, where all have one

    def cut(self, cfg: DictConfig, count: Count, record: Path | None) -> Cut:
        """The fewest micro-batches that fit, or those that a training was begun with.

        Args:
            record: of what was begun; None for a new training.
        Raises:
            InputError: where those of a begun training do not fit here.
        """
        assert self.bytes is not None
        if record is None or cfg.checkpoint.reset_dataloader:
            return fewest(cuts(cfg, count.longest), lambda cut: count.memory(cut).total, self.bytes)
        size = begun_with(record) or cut_of(cfg).size
        cut = recut(cut_of(cfg), size)
        if cut is None or count.memory(cut).total > self.bytes:
            begun = Cut(size["samples"], size["utterances"], 1).text
            raise InputError(record, f"micro-batches that fit here, in {self.bytes / GIB:.1f} GiB of each of "
                             f"{count.workers} GPUs", f"those that this training was begun with, {begun}: other ones "
                             "would mix up which utterances of this epoch it has heard",
                             "Go on where they fit, or add checkpoint.reset_dataloader=true: it goes on from its "
                             "weights, and hears the first epoch's order again.")
        return cut


def room(launch: Launch, gpus: Sequence[Gpu], given_gib: float | None) -> Room:
    """Of the GPUs that will train.

    Args:
        gpus: of this machine.
        given_gib: --gpu-memory.
    """
    cluster = launch.cluster
    if cluster.cpu:
        return Room(None, "")
    if given_gib is not None:
        gpu = Gpu("", int(given_gib * GIB))
        return Room(gpu.room, f"{given_gib:g} GiB by --gpu-memory, {gpu.room / GIB:.1f} of them to be filled")
    used = list(gpus[:cluster.gpus])
    if launch.launcher == "slurm" or cluster.nodes > 1 or not used:
        return Room(None, "the YAML's, for no GPU was found" if cluster.nodes == 1 and launch.launcher != "slurm" else
                    "the YAML's, for other machines' GPUs are not known here")
    smallest = min(used, key=lambda gpu: gpu.memory)
    names = {gpu.name for gpu in used}
    return Room(smallest.room, f"{smallest.memory / GIB:.1f} GiB of {smallest.name}, {smallest.room / GIB:.1f} of them "
                "to be filled", smallest.name if len(names) == 1 else "")
