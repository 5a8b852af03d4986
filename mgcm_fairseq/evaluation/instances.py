"""Reads the instances.log of a SimulEval results folder, and counts how much was said while the source still ran."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mgcm_fairseq.data.errors import InputError

RERUN = "Run simuleval again into an empty folder."


@dataclass(frozen=True)
class Instance:
    """One sentence. Word i of the prediction was written after delays[i] ms of its source_length ms had been read."""

    index: int
    prediction: str
    delays: list[float]  # ms, one for each whitespace-separated word of the prediction
    reference: str
    source_length: float  # ms


def read_instances(folder: Path, references: Sequence[str]) -> list[Instance]:
    """The instances of folder/instances.log in the order of `references`, one for each.

    Raises InputError if the log is missing or damaged, lacks a sentence, holds one twice or one too many, or was made
    with other references.
    """
    path = folder / "instances.log"
    if not path.is_file():
        raise InputError(path, "the log of a SimulEval run", "no such file", "Pass what --output named in simuleval.")
    found: dict[int, Instance] = {}
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            instance = _parse(line, (path, number))
            if instance.index in found:
                raise InputError((path, number), "each index once", f"index {instance.index} again", RERUN)
            found[instance.index] = instance
    _check_complete(path, found, references)
    return [found[index] for index in range(len(references))]


def before_end(instances: Sequence[Instance]) -> float | None:
    """The share, in [0, 1], of all words of the corpus that were written before their source ended; None without words.

    A word counts if its delay is below the source length. A word written once everything had been read carries the
    source length itself, the very same number, so `<` tells the two apart without a tolerance.
    """
    early = [delay < instance.source_length for instance in instances for delay in instance.delays]
    return sum(early) / len(early) if early else None


def _parse(line: str, where: tuple[Path, int]) -> Instance:
    names = [field.name for field in fields(Instance)]
    try:
        record: dict[str, Any] = json.loads(line)
        instance = Instance(**{name: record[name] for name in names})
        words, delays = len(instance.prediction.split()), len(instance.delays)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        remedy = f"The run was interrupted or the file edited. {RERUN}"
        raise InputError(where, f"a JSON object with {', '.join(names)}", repr(line[:80]), remedy) from error
    if words != delays:
        raise InputError(where, f"a delay for each of {words} words", f"{delays} delays",
                         "Run simuleval with --eval-latency-unit word, its default.")
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
