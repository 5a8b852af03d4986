"""The parts of a check, in their order."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from mgcm_fairseq.checks.gpu.agents import agents
from mgcm_fairseq.checks.gpu.corpus import corpus
from mgcm_fairseq.checks.gpu.engines import engines
from mgcm_fairseq.checks.gpu.equality import equality
from mgcm_fairseq.checks.gpu.paper_rows import paper_rows
from mgcm_fairseq.checks.gpu.setting import GpuSetting, Row
from mgcm_fairseq.checks.gpu.shapes import shapes
from mgcm_fairseq.checks.gpu.trainings import trainings


class Part(NamedTuple):
    """One question to the machine."""

    title: str
    rows: Callable[[GpuSetting], Iterator[Row]]
    seconds: float  # after which it begins nothing more; all together stay below eight minutes
    columns: tuple[str, ...] = ()  # of the table; none: all


MADE = Part("Corpus", corpus, 60)
PARTS = {
    "engines": Part("Conflict handling, a step", engines, 75, (
        "dtype", "utterances", "method", "seconds", "time_ratio", "busy_seconds", "busy_ratio", "floor_ratio",
        "extra_peak_over_params", "kernels", "host_syncs")),
    "shapes": Part("New lengths of audio", shapes, 75),
    "trainings": Part("The demo's network through fairseq-train", trainings, 100),
    "paper": Part("The paper's rows through scripts/train.sh", paper_rows, 95),
    "agents": Part("Agents with random weights", agents, 25),
    "equality": Part("Translations against the CPU's", equality, 40),
}
"""Name on the command line -> part."""
