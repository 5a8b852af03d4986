"""Reads the folders of a comparison, results.json and the logs of its runs, and checks that they fit together."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import command
from mgcm_fairseq.common.read_text import is_number, parse_json, read_json, text_lines
from mgcm_fairseq.data.languages import Language, language
from mgcm_fairseq.evaluation.instances import Instance, read_instances
from mgcm_fairseq.evaluation.latency import METRICS
from mgcm_fairseq.evaluation.logs import run_name
from mgcm_fairseq.evaluation.long_form.latency import METRICS as LONG_METRICS
from mgcm_fairseq.evaluation.long_form.sentences import FILE, Sentence, read_sentences
from mgcm_fairseq.evaluation.long_form.stream_laal import NAME as STREAM_LAAL

POLICY = re.compile(r"[\w-]+")  # it names a folder
AGAIN = f"Run {command('evaluate')} again into an empty folder."

_FIGURES = {"BLEU", "chrF", *(f"{metric}{aware}" for metric in (*METRICS, *LONG_METRICS, STREAM_LAAL)
                              for aware in ("", "_CA"))}

Key = tuple[str, float]  # policy and operating point


@dataclass(frozen=True)
class Evaluated:
    """A RESULTS folder: a system trained with one seed, and evaluated."""

    folder: Path
    results: dict[str, Any]  # results.json
    instances: dict[Key, list[Instance] | list[Sentence]]  # of each simultaneous run, in the order of the test set

    @property
    def runs(self) -> dict[Key, dict[str, Any]]:
        """What results.json says of each simultaneous run."""
        return {(run["policy"], run["point"]): run for run in self.results["simul"]}

    @property
    def language(self) -> Language:
        """The target's."""
        return _language(self.results)

    @property
    def of_talks(self) -> bool:
        """Whether whole talks were translated, and the sentences cut from them."""
        return _of_talks(self.results)


Systems = dict[str, list[Evaluated]]  # by NAME, a folder for each seed


def default_latency(systems: Systems) -> str:
    """Of the curves: AL, of talks LongYAAL."""
    return _default_latency(next(iter(systems.values()))[0].results)


def read_systems(folders: Mapping[str, Sequence[Path]], latency: str | None) -> Systems:
    """What each NAME's folders hold.

    Raises InputError if a file is missing or damaged, if a run does not state its `latency` (null counts as stated),
    or if the folders are not about the same sentences. `latency`: None for the default.
    """
    results = {folder: _read_results(folder, latency) for of_name in folders.values() for folder in of_name}
    for name, of_name in folders.items():
        _check_seeds_differ(name, {folder: results[folder] for folder in of_name})
    _check_all_alike(results)
    test_sets = {folder: _references(folder, of_folder) for folder, of_folder in results.items()}
    (first, references), *others = test_sets.items()
    for folder, found in others:
        _check_same_test_set(folder, found, first, references)
    read = {folder: Evaluated(folder, of_folder, _instances(folder, of_folder, references))
            for folder, of_folder in results.items()}
    return {name: [read[folder] for folder in of_name] for name, of_name in folders.items()}


def _read_results(folder: Path, asked: str | None) -> dict[str, Any]:
    path = folder / "results.json"
    if not path.is_file():
        raise InputError(path, f"the results of {command('evaluate')}", "no such file", "Pass the folder it wrote.")
    try:
        results: dict[str, Any] = read_json(path)
        json.dumps(results, allow_nan=False)  # as it was written: with numbers alone
        runs, _, _ = results["simul"], results["offline"].items(), results["environment"].items()
        keys = [(run["policy"], run["point"]) for run in runs]
        if not all(is_number(point) for _, point in keys):
            raise TypeError("an operating point that is no number")
        names = [run_name(policy, point) for policy, point in keys if POLICY.fullmatch(policy)]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(path, "offline, simul (with policy and point) and environment", repr(error), AGAIN) from error
    if len(set(names)) != len(runs) or not runs:
        raise InputError(path, "simultaneous runs, each policy and operating point once", str(keys), AGAIN)
    latency = asked or _default_latency(results)
    for name, run in zip(names, runs, strict=True):
        missing = [metric for metric in ("BLEU", latency) if metric not in run]
        if missing:
            raise InputError(path, f"the {missing[0]} of each run", f"none at {name}",
                             "Evaluate again with this version, or choose another --latency.")
    for name, figures in [*zip(names, runs, strict=True), *results["offline"].items()]:
        _check_figures(path, name, figures)
    for name in ("target_language", "model"):
        if not isinstance(results["environment"].get(name, ""), str):
            raise InputError(path, f"{name} as a text", repr(results["environment"][name])[:80], AGAIN)
    return results


def _check_figures(path: Path, name: str, figures: Any) -> None:
    """InputError unless BLEU and latency are numbers or null, and no number of a run is too large to compute with."""
    if not isinstance(figures, dict) or "BLEU" not in figures:
        raise InputError(path, f"the figures of {name}, BLEU among them", repr(figures)[:80], AGAIN)
    for key, value in figures.items():
        broken = isinstance(value, int | float) and not isinstance(value, bool) and not is_number(value)
        if broken or (key in _FIGURES and not (value is None or is_number(value))):
            raise InputError(path, f"{key} of {name} as a number", repr(value)[:80], AGAIN)


def _check_seeds_differ(name: str, results: Mapping[Path, Mapping[str, Any]]) -> None:
    models: dict[str, Path] = {}
    vocabularies: dict[str | None, Path] = {}  # of models that an older version evaluated, None
    for folder, of_folder in results.items():
        model = of_folder["environment"].get("model", str(folder))
        if model in models:
            raise InputError(name, "models of several seeds", f"the same one in {models[model]} and {folder}",
                             "Name each model once.")
        models[model] = folder
        vocabularies.setdefault(of_folder["environment"].get("vocabulary"), folder)
    if len(known := {key: folder for key, folder in vocabularies.items() if key is not None}) > 1:
        raise InputError(name, "seeds of one system, with one vocabulary",
                         " and ".join(f"{key} in {folder}" for key, folder in known.items()),
                         "Give each vocabulary a NAME of its own.")


def _language(results: Mapping[str, Any]) -> Language:
    """That which results.json states; older ones are of languages with spaces, and state none."""
    return language(results["environment"].get("target_language", ""))


def _of_talks(results: Mapping[str, Any]) -> bool:
    return bool(results["environment"].get("long_form"))


def _default_latency(results: Mapping[str, Any]) -> str:
    return "LongYAAL" if _of_talks(results) else "AL"


def _check_all_alike(results: Mapping[Path, Mapping[str, Any]]) -> None:
    folders = {_of_talks(of_folder): folder for folder, of_folder in results.items()}
    if len(folders) > 1:
        raise InputError(folders[True], f"an evaluation of sentences, as {folders[False]} is", "one of whole talks",
                         "Compare like with like.")


def _instances(folder: Path, results: Mapping[str, Any],
               references: Sequence[str]) -> dict[Key, list[Instance] | list[Sentence]]:
    read = read_sentences if _of_talks(results) else read_instances
    unit = _language(results).unit
    return {key: read(logs, references, unit) for key, logs in _log_folders(folder, results).items()}


def _log_folders(folder: Path, results: Mapping[str, Any]) -> dict[Key, Path]:
    return {(run["policy"], run["point"]): folder / "runs" / run_name(run["policy"], run["point"])
            for run in results["simul"]}


def _references(folder: Path, results: Mapping[str, Any]) -> list[str]:
    """The references of the first log in the order of their indices."""
    path = next(iter(_log_folders(folder, results).values())) / (FILE if _of_talks(results) else "instances.log")
    if not path.is_file():
        raise InputError(path, "the log of a run that results.json names", "no such file", AGAIN)
    try:
        return _in_order([parse_json(line) for _, line in text_lines(path, AGAIN)])
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(path, "JSON objects with index and reference", repr(error), AGAIN) from error


def _in_order(records: Iterable[Mapping[str, Any]]) -> list[str]:
    return [record["reference"] for record in sorted(records, key=lambda record: record["index"])]


def _check_same_test_set(folder: Path, found: Sequence[str], first: Path, references: Sequence[str]) -> None:
    remedy = "Compare evaluations of one test set."
    if len(found) != len(references):
        raise InputError(folder, f"the {len(references)} sentences of {first}", f"{len(found)}", remedy)
    for index, (one, other) in enumerate(zip(found, references, strict=True)):
        if one != other:
            raise InputError(folder, f"the references of {first}, {other!r} at index {index}", repr(one), remedy)
