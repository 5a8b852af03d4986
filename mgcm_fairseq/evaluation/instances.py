"""Reads the instances.log of a SimulEval run: one JSON object a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import is_number, parse_json, text_lines
from mgcm_fairseq.data.languages import UNITS, Unit, units

LONGEST = 1e12  # ms, 31 years: sums and means of such times are numbers
RERUN = "Evaluate again into an empty folder."
_EDITED = f"The run was interrupted or the file edited. {RERUN}"


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
    for number, line in text_lines(path, RERUN):
        instance = _parse(line, (path, number), unit)
        if instance.index in found:
            raise InputError((path, number), "each index once", f"index {instance.index} again", RERUN)
        found[instance.index] = instance
    _check_complete(path, found, references)
    return [found[index] for index in range(len(references))]


def _parse(line: str, where: tuple[Path, int], unit: Unit) -> Instance:
    names = ["index", "prediction", "delays", "elapsed", "reference", "source_length"]
    try:
        record: dict[str, Any] = parse_json(line)
        instance = Instance(**{name: record[name] for name in names}, computing=record.get("computing"),
                            slowest_read=record.get("slowest_read"), unit=unit)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(where, f"a JSON object with {', '.join(names)}", repr(line[:80]), _EDITED) from error
    _check_types(instance, where)
    counts = [len(units(instance.prediction, unit)), len(instance.delays), len(instance.elapsed)]
    if len(set(counts)) > 1:
        written, delays, elapsed = counts
        raise InputError(where, f"a delay and an elapsed time for each of {written} {UNITS[unit]}",
                         f"{delays} delays, {elapsed} elapsed times", f"Run simuleval with --eval-latency-unit {unit}.")
    return instance


def _check_types(one: Instance, where: tuple[Path, int]) -> None:
    """InputError for what no run writes, and no score can be made of."""
    def time(value: Any) -> bool:
        return is_number(value, 0) and value <= LONGEST

    def times(value: Any) -> bool:
        return isinstance(value, list) and all(map(time, value))

    fits = {
        "index": (type(one.index) is int, "a whole number"),
        "prediction": (isinstance(one.prediction, str), "a text"),
        "reference": (isinstance(one.reference, str), "a text"),
        "delays": (times(one.delays), "a list of numbers from 0 on, in ms"),
        "elapsed": (times(one.elapsed), "a list of numbers from 0 on, in ms"),
        "source_length": (time(one.source_length) and (one.source_length > 0 or not one.delays),
                          "a number in ms, above 0 where words were written"),
        "computing": (one.computing is None or time(one.computing), "a number from 0 on, in ms"),
        "slowest_read": (one.slowest_read is None or time(one.slowest_read), "a number from 0 on, in ms"),
    }
    for name, (fitting, expected) in fits.items():
        if not fitting:
            raise InputError(where, f"{name} as {expected}", repr(getattr(one, name))[:80], _EDITED)


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
