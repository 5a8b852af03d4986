"""What a folder holds, file by file, without what may differ between two runs: times, paths, computing times."""

import hashlib
import json
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import soundfile
import torch

from mgcm_fairseq.analysis.conflict_log import read_conflict_log
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.compat import load_checkpoint

LOCKS = (".lock", ".processes")
TIMED = ("table.md", "bleu_al.png", "bleu_al.svg")  # of an evaluation: computing times are among their figures
STEPS = ".prep_steps.json"
TRAINED = ("model", "last_optimizer_state", "task_state")  # of a checkpoint; the rest of it has wall-clock times
WRITTEN = ("index", "prediction", "delays", "prediction_length", "reference", "source_length")  # of a log


def fingerprint(folder: Path) -> dict[str, str]:
    """A digest for each file below the folder, and each folder, by name."""
    return {str(path.relative_to(folder)): _digest(path, folder) if path.is_file() else "a folder"
            for path in sorted(folder.rglob("*")) if not path.name.endswith(LOCKS)}


def difference(expected: dict[str, str], found: dict[str, str]) -> str:
    """What is missing, too much or other, in words; empty where nothing is."""
    changed = [name for name in expected.keys() & found.keys() if expected[name] != found[name]]
    parts = {"missing": expected.keys() - found.keys(), "too many": found.keys() - expected.keys(), "other": changed}
    return "; ".join(f"{what}: {', '.join(sorted(names))}" for what, names in parts.items() if names)


def below(folder: Path, pattern: str) -> Iterator[Path]:
    """Files and folders of a name below `folder`, in which a program is at work: Path.rglob fails where one is gone."""
    for root, folders, files in os.walk(folder):
        yield from (Path(root) / name for name in (*folders, *files) if fnmatch(name, pattern))


def torn(folder: Path) -> list[str]:
    """Files under their final names that are not whole."""
    return [str(path.relative_to(folder)) for path in sorted(below(folder, "*")) if path.is_file() and not _whole(path)]


def _whole(path: Path) -> bool:
    try:
        if path.suffix == ".pt":
            load_checkpoint(path)
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".wav" and not path.parent.name.endswith(".tmp"):
            soundfile.read(path)
            return path.stat().st_size == 44 + 2 * soundfile.info(path).frames
    except (InputError, ValueError, soundfile.SoundFileError):
        return not path.exists()  # where it was removed, or renamed, meanwhile
    except FileNotFoundError:
        return True
    return True


def _digest(path: Path, folder: Path) -> str:
    if path.name in TIMED or path.name == STEPS:
        return "there"
    if path.suffix == ".pt":
        return _of_checkpoint(path)
    if path.name == "instances.log":
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return _of_text(json.dumps([{name: record[name] for name in WRITTEN} for record in records]))
    if path.name == "results.json":
        return _of_text(json.dumps(_untimed(json.loads(path.read_text(encoding="utf-8")))))
    if path.name == "conflicts.jsonl":
        log, _ = read_conflict_log(path)
        return _of_text(repr((log.header, log.updates[-1])))  # an interruption divides the sums of a record
    return hashlib.sha256(path.read_bytes().replace(str(folder).encode(), b"OUT")).hexdigest()


def _of_checkpoint(path: Path) -> str:
    """Of weights, optimizer, number of updates and position in the data."""
    state = load_checkpoint(path)
    whole = hashlib.sha256()
    updates = state["optimizer_history"][-1]["num_updates"]  # those before it are of interruptions
    position = state["extra_state"]["train_iterator"]
    for value in _leaves([{name: state.get(name) for name in TRAINED}, updates, position]):
        whole.update(value.contiguous().view(torch.uint8).numpy().tobytes() if isinstance(value, torch.Tensor)
                     and value.ndim else repr(value).encode())
    return whole.hexdigest()


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            yield key
            yield from _leaves(value[key])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def _untimed(results: dict[str, Any]) -> dict[str, Any]:
    """results.json without what counts computing time."""
    def keep(name: str) -> bool:
        return not (name.endswith("_CA") or name in ("RTF", "slowest_read", "threads"))

    return {"offline": {name: {key: value for key, value in row.items() if keep(key)}
                        for name, row in results["offline"].items()},
            "simul": [{key: value for key, value in row.items() if keep(key)} for row in results["simul"]],
            "environment": {key: value for key, value in results["environment"].items() if keep(key)}}


def _of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
