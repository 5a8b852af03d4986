"""Averages the weights of several checkpoints of one training."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from mgcm_fairseq.compat import load_checkpoint
from mgcm_fairseq.data.corpus_record import KEY, CorpusRecord
from mgcm_fairseq.data.errors import InputError

logger = logging.getLogger(__name__)

BY_UPDATE = re.compile(r"checkpoint_\d+_(\d+)\.pt")
BY_SCORE = re.compile(r"checkpoint\.best_\w+_(-?\d+\.\d{2})\d*\.pt")  # fairseq may add a digit to tell equals apart


def latest(folder: Path, count: int) -> list[Path]:
    """The `count` checkpoints with the most updates, newest first."""
    return _choose(folder, BY_UPDATE, count, "--save-interval-updates and --keep-interval-updates")


def best(folder: Path, count: int) -> list[Path]:
    """The `count` checkpoints with the highest validation score, best first."""
    return _choose(folder, BY_SCORE, count, "--keep-best-checkpoints and --maximize-best-checkpoint-metric")


def average(paths: Sequence[Path], output: Path) -> None:
    """Writes the first checkpoint with the mean of all weights, summed in fp64 and without the optimizer's state."""
    state: dict[str, Any] = {}
    sums: dict[str, torch.Tensor] = {}
    known: list[CorpusRecord] = []
    for counted, path in enumerate(paths):
        loaded = load_checkpoint(path)
        if record := CorpusRecord.of_state(loaded.get("task_state", {}), path):
            known.append(record)
            known[0].check_same(record, "Average one training's checkpoints.")
        state = state or {key: value for key, value in loaded.items() if key != "last_optimizer_state"}
        if sums and set(sums) != set(loaded["model"]):
            raise InputError(path, "the same weights as in the other checkpoints",
                             str(sorted(set(sums) ^ set(loaded["model"]))[:3]), "Average one training's checkpoints.")
        for name, value in loaded["model"].items():
            if name.endswith("_extra_state") and name in sums and not torch.equal(value.double(), sums[name] / counted):
                raise InputError(path, "checkpoints of one stage", "one segmenting and one not",
                                 "Average checkpoints from after --segment-from.")
            sums[name] = sums[name] + value.double() if name in sums else value.double()
    state["model"] = {name: (total / len(paths)).to(state["model"][name].dtype) for name, total in sums.items()}
    if known and len(known) < len(paths):
        state.get("task_state", {}).pop(KEY, None)
        logger.warning("%s will not say which vocabulary it has, since %d of the %d checkpoints do not", output,
                       len(paths) - len(known), len(paths))
    partial = output.with_name(output.name + ".tmp")
    torch.save(state, partial)
    partial.replace(output)


def _choose(folder: Path, pattern: re.Pattern[str], count: int, options: str) -> list[Path]:
    found = [(float(match[1]), path) for path in folder.glob("*.pt") if (match := pattern.fullmatch(path.name))]
    if len(found) < count:
        raise InputError(folder, f"{count} checkpoints named like {pattern.pattern}", str(len(found)),
                         f"Train with {options}.")
    return [path for _, path in sorted(found, reverse=True)[:count]]
