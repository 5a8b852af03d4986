"""Reads the instances.log of a SimulEval run: one JSON object a sentence."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.data.languages import UNITS, Unit, units

RERUN = "Evaluate again into an empty folder."


@dataclass(frozen=True)
class Instance:
    """One sentence. Unit i of the prediction was written after delays[i] ms of its source_length ms had been read."""

    index: int
    prediction: str
    delays: list[float]  # ms, one for each whitespace-separated word of the prediction, or each character of it
    elapsed: list[float]  # the same with computing time, ms
    reference: str
    source_length: float  # ms
    computing: float | None = None  # ms of the agent over the whole sentence; None where another program wrote the log
    slowest_read: float | None = None  # ms of the agent after one read; the same
    unit: Unit = "word"  # or "char": what has a delay


def read_instances(folder: Path, references: Sequence[str], unit: Unit = "word") -> list[Instance]:
    """The instances of folder/instances.log in the order of `references`, one for each.

    Raises InputError if the log is missing or damaged, lacks a sentence, holds one twice or one too many, or was made
    with other references, or with delays of other units than `unit`.
    """
    path = folder / "instances.log"
    if not path.is_file():
        raise InputError(path, "the log of a SimulEval run", "no such file", "Pass what --output named in simuleval.")
    found: dict[int, Instance] = {}
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            instance = _parse(line, (path, number), unit)
            if instance.index in found:
                raise InputError((path, number), "each index once", f"index {instance.index} again", RERUN)
            found[instance.index] = instance
    _check_complete(path, found, references)
    return [found[index] for index in range(len(references))]


def _parse(line: str, where: tuple[Path, int], unit: Unit) -> Instance:
    names = ["index", "prediction", "delays", "elapsed", "reference", "source_length"]
    try:
        record: dict[str, Any] = json.loads(line)
        instance = Instance(**{name: record[name] for name in names}, computing=record.get("computing"),
                            slowest_read=record.get("slowest_read"), unit=unit)
        counts = [len(units(instance.prediction, unit)), len(instance.delays), len(instance.elapsed)]
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        remedy = f"The run was interrupted or the file edited. {RERUN}"
        raise InputError(where, f"a JSON object with {', '.join(names)}", repr(line[:80]), remedy) from error
    if len(set(counts)) > 1:
        written, delays, elapsed = counts
        raise InputError(where, f"a delay and an elapsed time for each of {written} {UNITS[unit]}",
                         f"{delays} delays, {elapsed} elapsed times", f"Run simuleval with --eval-latency-unit {unit}.")
    return instance


def _check_complete(path: Path, found: dict[int, Instance], references: Sequence[str]) -> None:
    wanted = set(range(len(references)))
    if found.keys() != wanted:
        missing, surplus = sorted(wanted - found.keys()), sorted(found.keys() - wanted)
        raise InputError(path, f"the indices 0 to {len(references) - 1}, one for each reference",
                         f"{len(missing)} missing {missing[:5]}, {len(surplus)} too many {surplus[:5]}",
                         "Let the run end, with the source list of this manifest.")
    for index, reference in enumerate(references):
        if found[index].reference != reference.strip():  # SimulEval strips the lines of its target list
            raise InputError(path, f"the reference {reference!r} at index {index}", repr(found[index].reference),
                             "The run used another target list: pass the manifest that belongs to it.")
