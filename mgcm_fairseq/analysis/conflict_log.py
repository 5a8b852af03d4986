"""Reads the file that --conflict-log writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import is_number, parse_json, text_lines

FORMATS = (1, 2)  # the first has no weights: all tasks had weight 1
_EXPECTED = "a file that fairseq-train --conflict-log wrote"
_WHOLE = "The file was edited: leave this line out, or log to another file."


@dataclass(frozen=True)
class ConflictLog:
    """R records of sums over passes; N groups, A auxiliary tasks, C components."""

    header: dict[str, Any]
    updates: np.ndarray  # (R,)
    quantities: np.ndarray  # (R, N, A, 4): passes with both gradients; conflicts, cosines, removed fractions in them
    histogram: np.ndarray  # (C, A, bins) passes by cosine, over all records
    noise: np.ndarray  # (R, N) cosine between the primary task's gradients on two half-batches; nan where unknown
    parts: np.ndarray  # (R, P, A, 2) of the header's parts: passes with both gradients, cosines of the whole gradient
    part_noise: np.ndarray  # (R, P) the same as noise
    weights: np.ndarray  # (R, T) of the tasks' losses at the time of the record
    masking: np.ndarray  # (R, A, M) of the header's masking: see training/masking.py; M is 0 in logs of before

    @property
    def auxiliaries(self) -> list[str]:
        """Names of the A tasks."""
        return self.header["tasks"][1:]

    def layers(self) -> list[str]:
        """Layers that have attention, in the model's order: the rest is no layer of a Transformer."""
        return list(dict.fromkeys(group["layer"] for group in self.header["groups"]
                                  if group["component"] == "attention"))

    def members(self, layer: str | None, component: str | None) -> list[int]:
        """Groups of that layer and component; None for any."""
        return [index for index, group in enumerate(self.header["groups"])
                if layer in (None, group["layer"]) and component in (None, group["component"])]

    def rate(self, members: Sequence[int], auxiliary: int, records: slice = slice(None)) -> float:
        """The fraction of conflicts among these groups; nan where none had both gradients."""
        present, conflict = self.quantities[records][:, members, auxiliary, :2].sum((0, 1))
        return conflict / present if present else float("nan")

    def noise_rate(self, members: Sequence[int]) -> float:
        """The same between the halves of batches for the primary task alone."""
        cosines = self.noise[:, members]
        known = np.isfinite(cosines)
        return float((cosines[known] < 0).mean()) if known.any() else float("nan")

    def cosine(self, members: Sequence[int], auxiliary: int, records: slice = slice(None)) -> float:
        """The mean over these groups of each one's mean cosine over passes; nan where none had both gradients."""
        present_G, cosines_G = self.quantities[records][:, members, auxiliary][..., [0, 2]].sum(0).T
        return _mean_of_means(cosines_G, present_G)

    def noise_cosine(self, members: Sequence[int], records: slice = slice(None)) -> float:
        """The same between the halves of batches for the primary task alone; each record has one pass."""
        cosines_RG = self.noise[records][:, members]
        return _mean_of_means(np.nansum(cosines_RG, 0), np.isfinite(cosines_RG).sum(0))


def _mean_of_means(sums_G: np.ndarray, counts_G: np.ndarray) -> float:
    """Each group counts the same, however often it was seen."""
    seen = counts_G > 0
    return float((sums_G[seen] / counts_G[seen]).mean()) if seen.any() else float("nan")


class _Record(NamedTuple):
    """One record of the log, as ConflictLog has all of them."""

    since: int  # updates done before its first pass; in logs that do not say, all before `update` count as done
    update: int
    quantities: np.ndarray
    histogram: np.ndarray
    noise: np.ndarray
    parts: np.ndarray
    part_noise: np.ndarray
    weights: np.ndarray
    masking: np.ndarray


def read_conflict_log(path: Path) -> tuple[ConflictLog, int]:
    """The log, and the number of torn lines left out (a killed training leaves one).

    A resumed training does some updates again: an earlier record of any of them is left out, as is one of passes that
    an interruption cut short. Raises InputError for another file.
    """
    if not path.is_file():
        raise InputError(path, _EXPECTED, "no such file", "Check the path.")
    lines = text_lines(path, _WHOLE)
    try:
        head = parse_json(next(lines, (1, ""))[1])
        if head["format"] not in FORMATS:
            raise ValueError(f"format {head['format']}")
        _check_header(head)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError((path, 1), _EXPECTED, str(error), "Check the path.") from error
    records: list[_Record] = []
    torn = 0
    for number, line in lines:
        try:
            written = parse_json(line)
        except ValueError:
            torn += bool(line.strip())
            continue
        record = _record(written, head, (path, number))
        records = [earlier for earlier in records if earlier.update <= record.since] + [record]
    if not records:
        raise InputError(path, "at least one record", "none", "Let a training end, or reach --conflict-log-interval.")
    _, updates, quantities, histograms, *others = (np.array(column) for column in zip(*records, strict=True))
    return ConflictLog(head, updates, quantities, histograms.sum(0), *others), torn


def _check_header(head: dict[str, Any]) -> None:
    """ValueError, KeyError or TypeError unless the figures can be made by this header."""
    parts, masking = head.get("parts", []), head.get("masking", [])
    names = [*head["tasks"], *head["components"], *parts, *masking,
             *(group[key] for group in head["groups"] for key in ("name", "layer", "component"))]
    if not (all(isinstance(one, list) for one in (head["tasks"], head["components"], head["groups"], parts, masking))
            and all(isinstance(name, str) for name in names) and type(head["bins"]) is int and head["tasks"]):
        raise ValueError("tasks, components, groups or bins of another kind")


def _record(written: Any, head: dict[str, Any], where: tuple[Path, int]) -> "_Record":
    """What a line holds; InputError where that is not what the header announces."""
    groups, others, parts = len(head["groups"]), len(head["tasks"]) - 1, len(head.get("parts", []))
    try:
        update = written["update"]
        since = written.get("since", update - 1)
        for number in (update, since):
            if type(number) is not int or abs(number) >= 2**63:
                raise ValueError(f"update {number}")
        return _Record(since, update, _numbers(written["quantities"], (groups, others, 4)),
                       _numbers(written["histogram"], (len(head["components"]), others, head["bins"])),
                       _numbers(written.get("noise") or [None] * groups, (groups,)),
                       _numbers(written["parts"] if parts else np.zeros((0, others, 2)), (parts, others, 2)),
                       _numbers(written.get("part_noise") or [None] * parts, (parts,)),
                       _numbers(written["weights"] if head["format"] > 1 else [1] * (1 + others), (1 + others,)),
                       _numbers(written["masking"] if head.get("masking") else np.zeros((others, 0)),
                                (others, len(head.get("masking", [])))))
    except (ValueError, KeyError, TypeError, OverflowError, AttributeError) as error:
        raise InputError(where, f"a record of {groups} groups and {others} auxiliary tasks",
                         " ".join(f"{type(error).__name__}: {error}".split())[:120], _WHOLE) from error


def _numbers(written: Any, shape: tuple[int, ...]) -> np.ndarray:
    found = np.array(written)
    if found.shape != shape:
        raise ValueError(f"{found.shape} numbers in place of {shape}")
    if found.dtype.kind not in "iuf" and not all(one is None or is_number(one) for one in found.flat):
        raise ValueError("what is no number")
    return found.astype(float)
