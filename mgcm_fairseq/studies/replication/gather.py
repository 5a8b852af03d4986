"""replication.json: every number of the tables and figures, and for each training its command, log and seed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mgcm_fairseq.analysis.conflict_log import read_conflict_log
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.studies.replication.conflicts import summary
from mgcm_fairseq.studies.side_by_side import taken
from mgcm_fairseq.studies.study import Study

CONFLICTS = "conflicts.jsonl"
"""In a trial's folder, where its options have a conflict log."""
OF_CAPTIONS = "-captions"
"""Ends the name of the corpus that a replication makes of captions."""
CANDIDATES = ("constant_low", "constant_mt")
"""Systems of constant weights, of which the better one on dev stands for tuned constant weights."""


def gather(folder: Path, study: Study, costs: Sequence[Path]) -> dict[str, Any]:
    """Of a study whose trials are done, all or some.

    Args:
        folder: OUT/SIZE of the study, with its study.json.
        study: as the YAML has it.
        costs: JSON files of scripts/benchmarks/conflict.py, if any.
    Raises:
        InputError: a file is missing or another's.
    """
    found = study_of(folder, study.name)
    names = [f"{trial['system']}-seed{trial['seed']}" for trial in found["trials"]]
    trials = [{**trial, **_trial(folder, name)} for name, trial in zip(names, found["trials"], strict=True)]
    return {
        **{key: found[key] for key in ("study", "title", "size", "updates", "baseline", "seeds", "environment")},
        "missing": _missing(found, study), "not_of_this_size": [one for one in study.systems
                                                                 if one not in study.size.systems],
        "captions": Path(_claimed(folder / names[0], "corpus")).parent.name.endswith(OF_CAPTIONS),  # all have one
        "tuned": tuned(found), "training": study.training, "start_updates": study.size.start_updates,
        "start_options": study.of_training("start", 0)[1:] if study.size.start_updates else [],
        "options": {name: study.of_training(name, 0)[1:] for name in found["systems"]},
        "runs": list(study.runs), "average": study.average, "systems": found["systems"], "trials": trials,
        "costs": [_cost(path) for path in costs]}


def study_of(folder: Path, name: str) -> dict[str, Any]:
    """The study.json of a folder; InputError where there is none, or that of a study of another name."""
    try:
        found: dict[str, Any] = read_json(folder / "study.json")
        of = found["study"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(folder / "study.json", "what a study wrote", f"{type(error).__name__}: {error}",
                         "Give the folder OUT/SIZE of the study.") from error
    if of != name:
        raise InputError(folder / "study.json", f"the study {name}", str(of), "Give the folder OUT/SIZE of that study.")
    return found


def tuned(found: Mapping[str, Any]) -> str | None:
    """The candidate with the lower cross entropy on dev with the first seed; None where one of them is not trained."""
    bits = {trial["system"]: trial["dev"][-1][2] for trial in found["trials"]
            if trial["system"] in CANDIDATES and trial["seed"] == found["seeds"][0] and trial["dev"]}
    return min(bits, key=bits.__getitem__) if len(bits) == len(CANDIDATES) else None


def systems_to_train(found: Mapping[str, Any], study: Study) -> list[str]:
    """Those of the study's size, of the candidates the better one alone."""
    winner = tuned(found)
    if winner is None:
        raise InputError("--systems", f"trials of {' and '.join(CANDIDATES)} with seed {found['seeds'][0]}", "none",
                         "Train them first.")
    return [name for name in study.systems if name in study.size.systems
            and (name == winner or name not in CANDIDATES)]


def as_lines(found: Mapping[str, Any]) -> str:
    """JSON that is short and can be looked through: a line for each key, each system and each trial."""
    lines = []
    for key, value in found.items():
        inner = [f"{json.dumps(name)}: {json.dumps(one)}" for name, one in value.items()] if isinstance(value, dict) \
            else [json.dumps(one) for one in value] if isinstance(value, list) else None
        ends = "{}" if isinstance(value, dict) else "[]"
        lines.append(f"{json.dumps(key)}: " + (json.dumps(value) if not inner else
                                               f"{ends[0]}\n  " + ",\n  ".join(inner) + f"\n {ends[1]}"))
    return "{\n " + ",\n ".join(lines) + "\n}\n"


def _trial(folder: Path, name: str) -> dict[str, Any]:
    """Where its files are, under the study's --out; on what it was trained, and how long that took; its conflicts."""
    seconds = taken(folder / name, "seconds")
    log = folder / name / CONFLICTS
    return {"log": f"{folder.name}/{name}/train.log",
            "device": _claimed(folder / name, "device"), "seconds": seconds and round(seconds, 1),
            "conflicts": summary(read_conflict_log(log)[0]) if log.is_file() else None}


def _claimed(trial: Path, key: str) -> str:
    """What trial.json of a trial's folder says of this."""
    path = trial / "trial.json"
    try:
        return str(read_json(path)[key])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, "what a trial is of", f"{type(error).__name__}: {error}",
                         "Remove its folder to train it anew.") from error


def _missing(found: Mapping[str, Any], study: Study) -> list[str]:
    """Trials of this size that are not done, but for the constant weights that were worse with the first seed."""
    winner = tuned(found)
    later = {f"{name}-seed{seed}" for name in CANDIDATES if winner and name != winner for seed in study.size.seeds[1:]}
    return [one for one in found["missing"] if one not in later]


def _cost(path: Path) -> dict[str, Any]:
    kept = ("method", "size", "parameters", "seconds", "time_ratio", "floor_ratio", "extra_peak_over_params", "clock",
            "device", "dtype", "rounds")
    try:
        found = read_json(path)
        return {"rows": [{key: row[key] for key in kept} for row in found["rows"]],
                "environment": {key: found["environment"].get(key)
                                for key in ("commit", "torch", "cpu", "gpu", "fake")}}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, "what the benchmark of conflict handling wrote", f"{type(error).__name__}: {error}",
                         "Correct --cost.") from error
