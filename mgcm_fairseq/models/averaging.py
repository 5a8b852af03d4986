"""Averages the weights of several checkpoints of one training."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.whole import whole
from mgcm_fairseq.compat import load_checkpoint
from mgcm_fairseq.data.corpus_record import KEY, CorpusRecord
from mgcm_fairseq.models.metrics import HIGHER_IS_BETTER, way
from mgcm_fairseq.modules.wav2vec2_checkpoint import is_weight

logger = logging.getLogger(__name__)

BY_UPDATE = re.compile(r"checkpoint_\d+_(\d+)\.pt")
BY_SCORE = re.compile(r"checkpoint\.best_(\w+)_-?\d+\.\d+\.pt")


def latest(folder: Path, count: int) -> list[Path]:
    """The `count` checkpoints with the most updates, newest first."""
    found = [(int(match[1]), path) for path in folder.glob("*.pt") if (match := BY_UPDATE.fullmatch(path.name))]
    _check_count(folder, count, len(found), BY_UPDATE, "--save-interval-updates and --keep-interval-updates")
    return [path for _, path in sorted(found, reverse=True)[:count]]


def best(folder: Path, count: int, metric: str | None = None) -> list[Path]:
    """The `count` checkpoints with the best validation score, best first; of equals the later is the better one.

    The score and its direction are those that fairseq recorded in the files: their names round it and add a digit.

    Args:
        metric: by which they were kept; None where the folder has checkpoints by one metric alone.
    Raises:
        InputError: there are too few, or of several metrics, or they are the worst that there were.
    """
    found = {path: match[1] for path in folder.glob("*.pt") if (match := BY_SCORE.fullmatch(path.name))}
    metrics = sorted(set(found.values()))
    if metric is None and len(metrics) > 1:
        raise InputError(folder, "best checkpoints by one metric", " and ".join(metrics),
                         "Move those of the other metrics elsewhere.")
    paths = [path for path, of in found.items() if metric in (None, of)]
    _check_count(folder, count, len(paths), BY_SCORE, "--keep-best-checkpoints")
    return sorted(paths, key=lambda path: _rank(path, found[path]), reverse=True)[:count]


def _rank(path: Path, metric: str) -> tuple[float, int]:
    """The larger the better: the score, and updates."""
    state = load_checkpoint(path, mmap=True)
    try:
        score = float(state["extra_state"]["val_loss"])
        goal = state["cfg"]["checkpoint"]
        higher, of = bool(goal["maximize_best_checkpoint_metric"]), goal["best_checkpoint_metric"]
        updates = int(state["optimizer_history"][-1]["num_updates"])
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise InputError(path, "a checkpoint in which fairseq-train recorded its score", f"none ({error!r})",
                         "Average others, or take --last.") from error
    if of != metric or HIGHER_IS_BETTER.get(of, higher) != higher:
        raise InputError(path, f"the {way(HIGHER_IS_BETTER.get(metric, higher))} {metric} kept as the best",
                         f"the {way(higher)} {of}, by --best-checkpoint-metric and --maximize-best-checkpoint-metric",
                         "These are no best checkpoints: take --last.")
    return score if higher else -score, updates


def average(paths: Sequence[Path], output: Path) -> None:
    """Writes the first checkpoint with the mean of all weights, summed in fp64 and without the optimizer's state."""
    state: dict[str, Any] = {}
    sums: dict[str, torch.Tensor] = {}
    known: list[CorpusRecord] = []
    for counted, path in enumerate(paths):
        loaded = load_checkpoint(path)
        weights = loaded.get("model")
        if not isinstance(weights, dict) or not all(map(is_weight, weights.values())):
            raise InputError(path, "a checkpoint of fairseq-train", f"the keys {sorted(map(str, loaded))}",
                             "Average one training's checkpoints.")
        if record := CorpusRecord.of_state(loaded.get("task_state", {}), path):
            known.append(record)
            known[0].check_same(record, "Average one training's checkpoints.")
        state = state or {key: value for key, value in loaded.items() if key != "last_optimizer_state"}
        other = [name for name in sorted(sums.keys() | loaded["model"].keys()) if sums and (
            name not in sums or name not in loaded["model"] or sums[name].shape != loaded["model"][name].shape)]
        if other:
            raise InputError(path, "the same weights as in the other checkpoints", str(other[:3]),
                             "Average one training's checkpoints.")
        for name, value in loaded["model"].items():
            if name.endswith("_extra_state") and name in sums and not torch.equal(value.double(), sums[name] / counted):
                raise InputError(path, "checkpoints of one training", f"{name.split('.')[-2]} on in one and off in "
                                 "another", "Average checkpoints from after --segment-from and --shrink-from.")
            sums[name] = sums[name] + value.double() if name in sums else value.double()
    state["model"] = {name: (total / len(paths)).to(state["model"][name].dtype) for name, total in sums.items()}
    if known and len(known) < len(paths):
        state.get("task_state", {}).pop(KEY, None)
        logger.warning("%s will not say which vocabulary it has, since %d of the %d checkpoints do not", output,
                       len(paths) - len(known), len(paths))
    with whole(output, sum(value.nbytes for value in state["model"].values())) as partial:
        torch.save(state, partial)


def _check_count(folder: Path, count: int, found: int, pattern: re.Pattern[str], options: str) -> None:
    if found < count:
        raise InputError(folder, f"{count} checkpoints named like {pattern.pattern}", str(found),
                         f"Ask for {found}, or train with {options}." if found else f"Train with {options}.")
