"""What a finished trial left: its figures on the test set, and how its scores on dev rose while it was trained."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.evaluation.comparison.bootstrap import bleu_statistics
from mgcm_fairseq.evaluation.logs import run_name
from mgcm_fairseq.evaluation.runs import OFFLINE, parse_runs
from mgcm_fairseq.studies.side_by_side import taken
from mgcm_fairseq.studies.trial import Trial

RECORD = re.compile(r"\{.*\}$")


@dataclass(frozen=True)
class TrialResult:
    """Of one trial."""

    system: str
    seed: int
    figures: dict[str, dict[str, Any]]  # run -> BLEU, chrF, length ratio; AL, LAAL if simultaneous. Means of languages
    by_language: dict[str, dict[str, dict[str, Any]]]  # source language -> the same; of one language alone nothing
    dev: list[tuple[int, float, float]]  # (updates, BLEU, ST's bits a token), rising in updates
    cpu_seconds: float | None  # of the training
    statistics: dict[str, list[np.ndarray]]  # run -> of each language (N, 10) of test sentences; sums determine BLEU
    environment: dict[str, Any]
    same_plan_as: str | None = None  # the system whose trial this result was taken over from


def read_result(trial: Trial) -> TrialResult:
    """Of a trial that is done. Raises InputError where a file of it is missing or damaged."""
    try:
        return _read(trial)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(trial.folder, "a trial whose files are whole", f"{type(error).__name__}: {error}",
                         "Remove the folder to train it anew.") from error


def _read(trial: Trial) -> TrialResult:
    names = [run_name(run.label, run.point) for run in parse_runs(trial.study.runs)]
    results = {language: read_json(path) for language, path in trial.results.items()}
    by_language = {language: {name: _figures(found, name, trial.results[language]) for name in names}
                   for language, found in results.items()}
    texts = {name: [_texts(path.parent / "runs" / name / "instances.log") for path in trial.results.values()]
             for name in names}
    statistics = {name: [bleu_statistics(*one) for one in of_run] for name, of_run in texts.items()}
    environments = [found["environment"] for found in results.values()]
    environment = {**environments[0], "test_set": " ".join(str(one["test_set"]) for one in environments)}
    return TrialResult(trial.system, trial.seed, _means(by_language), by_language if len(by_language) > 1 else {},
                       on_dev(trial.log), taken(trial.folder, "cpu_seconds"), statistics, environment)


def _means(by_language: dict[str, dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Of each figure over the languages; None where a language has none, for BLEU beside it is of all."""
    first, *others = by_language.values()
    return first if not others else {
        run: {metric: None if None in (known := [of[run][metric] for of in by_language.values()]) else mean(known)
              for metric in figures}
        for run, figures in first.items()}


def on_dev(log: Path) -> list[tuple[int, float, float]]:
    """(updates, BLEU, ST's bits a token) of each validation in a training's log; the last where updates came twice."""
    found: dict[int, tuple[float, float]] = {}
    for line in log.read_text("utf-8").splitlines():
        if '"dev_bleu"' in line and (record := RECORD.search(line)):
            figures = json.loads(record[0])
            found[int(figures["dev_num_updates"])] = float(figures["dev_bleu"]), float(figures["dev_st_nll"])
    return [(updates, *scores) for updates, scores in sorted(found.items())]


def _figures(results: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    """BLEU, length ratio and, of simultaneous runs, AL and LAAL."""
    offline = {_of_decoding(decoding): figures for decoding, figures in results["offline"].items()}
    simul = {run_name(run["policy"], run["point"]): run for run in results["simul"]}
    if name not in offline | simul:
        raise InputError(path, f"figures of {name}", ", ".join(offline | simul), "Remove the folder to evaluate again.")
    found = (offline | simul)[name]
    return {key: found[key] for key in ("BLEU", "chrF", "length_ratio", "AL", "LAAL") if key in found}


def _of_decoding(decoding: str) -> str:
    """The run's name, as `run_name` gives it, of `greedy`, `beam5`, or LABEL-beam5 of a run that has one."""
    label, _, beam = decoding.rpartition("-")
    return run_name(label or OFFLINE, 1 if beam == "greedy" else float(beam.removeprefix("beam")))


def _texts(path: Path) -> tuple[list[str], list[str]]:
    records = sorted((json.loads(line) for line in path.read_text("utf-8").splitlines()), key=lambda one: one["index"])
    return [one["prediction"] for one in records], [one["reference"] for one in records]
