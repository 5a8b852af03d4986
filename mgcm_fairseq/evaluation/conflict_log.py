"""Reads the file that --conflict-log writes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mgcm_fairseq.data.errors import InputError

FORMAT = 1
_EXPECTED = "a file that fairseq-train --conflict-log wrote"


@dataclass(frozen=True)
class ConflictLog:
    """R records of sums over passes; N groups, A auxiliary tasks, C components."""

    header: dict[str, Any]
    updates: np.ndarray  # (R,)
    quantities: np.ndarray  # (R, N, A, 4): passes with both gradients; conflicts, cosines, removed fractions in them
    histogram: np.ndarray  # (C, A, bins) passes by cosine, over all records
    noise: np.ndarray  # (R, N) cosine between the primary task's gradients on two half-batches; nan where unknown

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


def read_conflict_log(path: Path) -> tuple[ConflictLog, int]:
    """The log, and the number of torn lines left out (a killed training leaves one).

    A resumed training writes some updates again: the later record counts. Raises InputError for another file.
    """
    if not path.is_file():
        raise InputError(path, _EXPECTED, "no such file", "Check the path.")
    header, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    try:
        head = json.loads(header)
        shape = len(head["groups"]), len(head["tasks"]) - 1
        if head["format"] != FORMAT:
            raise ValueError(f"format {head['format']}")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError((path, 1), _EXPECTED, str(error), "Check the path.") from error
    records: list[dict[str, Any]] = []
    torn = 0
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            torn += 1
            continue
        records = [earlier for earlier in records if earlier["update"] < record["update"]] + [record]
    if not records:
        raise InputError(path, "at least one record", "none", "Train for more than --conflict-log-interval updates.")
    empty = [None] * shape[0]
    return ConflictLog(
        head, np.array([record["update"] for record in records]),
        np.array([record["quantities"] for record in records], dtype=float),
        np.array([record["histogram"] for record in records]).sum(0),
        np.array([record.get("noise") or empty for record in records], dtype=float)), torn
