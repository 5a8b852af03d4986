"""What a training depends on, written beside it, so that another corpus or other options never go on from its model."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.models.config import DEFAULTS

SECTIONS = ("task", "model", "criterion", "optimizer", "lr_scheduler", "optimization")
ELSEWHERE = {"task.data", "task.conflict_log", "model.w2v_path", "model.sharing_plan", "optimization.update_freq",
             "task.length_grid", "task.cpu"}
"""Paths, which may change, what follows from the number of GPUs, and what only says which utterances share a batch."""

PRETRAINED = "wav2vec 2.0, sha256"
"""Two files of one architecture are of one size."""

SHARING_PLAN = "sharing plan, sha256"
START, SUBSET, GOAL = "begins with the model", "dataset.train_subset", "the best checkpoint by"
LATER = (PRETRAINED, SHARING_PLAN, START, SUBSET, GOAL)
"""Records of before do not have these."""

MICRO_BATCH = "micro-batch"
"""What a record holds beside the identity: the order of an epoch's batches depends on it."""


def identity(cfg: DictConfig) -> dict[str, Any]:
    """Every option that the weights depend on, vocabulary, wav2vec 2.0, start, and the largest batch of an update.

    Raises:
        InputError: the corpus, the wav2vec 2.0 file or the sharing plan is missing.
    """
    known: dict[str, Any] = {}
    for section in SECTIONS:
        values = OmegaConf.to_container(cfg[section])
        assert isinstance(values, dict), section
        known |= {f"{section}.{key!s}": value for key, value in values.items()}
    folder, w2v, start = Path(cfg.task.data), cfg.model.w2v_path, cfg.checkpoint.finetune_from_model
    corpus = CorpusConfig.read(folder)
    pretrained = None if w2v is None else _sha256(Path(w2v), "a wav2vec 2.0 checkpoint", "Correct --w2v.")
    plan = cfg.model.sharing_plan
    shared = _sha256(Path(plan), "a sharing plan", "Correct model.sharing_plan.") if plan else None
    workers = cfg.distributed_training.distributed_world_size * cfg.optimization.update_freq[0]
    return {**{key: value for key, value in known.items() if key not in ELSEWHERE},
            "languages": f"{corpus.src_lang}-{corpus.tgt_lang}",
            "vocabulary": hashlib.sha256((folder / corpus.spm_filename).read_bytes()).hexdigest(),
            "wav2vec 2.0, bytes": Path(w2v).stat().st_size if w2v is not None else 0,
            PRETRAINED: pretrained, SHARING_PLAN: shared,
            START: Path(start).name if start else None, SUBSET: cfg.dataset.train_subset,
            GOAL: f"{cfg.checkpoint.best_checkpoint_metric} on {cfg.dataset.valid_subset.split(',')[0]}",
            "samples in an update": workers * cfg.dataset.max_tokens,
            "utterances in an update": workers * cfg.dataset.batch_size if cfg.dataset.batch_size else None}


def check(path: Path, wanted: dict[str, Any], begun: bool) -> None:
    """InputError unless the training recorded in `path` is the `wanted` one; with `begun` it must be recorded."""
    if not path.is_file():
        if begun:
            raise InputError(path, "a record of what was trained here", "none, but checkpoints",
                             "Remove them, or choose another --out.")
        return
    found = _read(path)
    if "model.sharing_plan" in found:  # by an earlier version, which recorded the path
        found.setdefault(SHARING_PLAN, _of_plan(found["model.sharing_plan"]))
    for key in (MICRO_BATCH, *ELSEWHERE):
        found.pop(key, None)
    for key in LATER:  # not known where an earlier version began the training
        found.setdefault(key, wanted.get(key))
    later = {f"model.{name}": default for name, default in DEFAULTS.items() if f"model.{name}" in wanted}
    found = {**later, **found}
    other = [key for key in sorted(found.keys() | wanted.keys()) if found.get(key) != wanted.get(key)]
    if other:
        raise InputError(path, "a training with " + ", ".join(f"{key} {wanted.get(key)!r}" for key in other),
                         "one with " + ", ".join(repr(found.get(key)) for key in other),
                         "Choose another --out, or remove what was trained here.")


def begun_with(path: Path) -> dict[str, int] | None:
    """The size of the micro-batches of a training that was begun; None where it was not, or its record lacks it."""
    return _read(path).get(MICRO_BATCH) if path.is_file() else None


def record(path: Path, trained: dict[str, Any], micro_batch: dict[str, int]) -> None:
    """Writes what is about to be trained."""
    write_whole(path, json.dumps({**trained, MICRO_BATCH: micro_batch}, indent=1, ensure_ascii=False) + "\n")


def _of_plan(path: str) -> str | None:
    """What to compare the plan with of which a record has the path; None where there was no plan."""
    if not path:
        return None
    return _digest(Path(path), Path(path).stat().st_mtime_ns) if Path(path).is_file() else f"of {path}, which is gone"


def _sha256(path: Path, what: str, remedy: str) -> str:
    if not path.is_file():
        raise InputError(path, what, "no such file", remedy)
    return _digest(path, path.stat().st_mtime_ns)


@cache
def _digest(path: Path, modified: int) -> str:
    """Of a file that was `modified` then, in ns: hundreds of MB, read once for all trainings of a row."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> dict[str, Any]:
    remedy = "Remove it and what was trained here, or choose another --out."
    try:
        found = read_json(path)
    except ValueError as error:
        raise InputError(path, "a record of what was trained here", f"no JSON ({error})", remedy) from error
    if not isinstance(found, dict):
        raise InputError(path, "a record of what was trained here", repr(found)[:80], remedy)
    return found
