"""The benchmark's rows as Markdown tables that also read well in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from mgcm_fairseq.evaluation.table import ABSENT, markdown

ENCODER = {  # header: (key, format)
    "time (s)": ("seconds", "{:.3f}"), "time / plain": ("time_ratio", "{:.2f}"), "peak (MiB)": ("peak_mib", "{:.0f}"),
    "peak / plain": ("peak_ratio", "{:.2f}"), "largest tensor beyond plain": ("largest_beyond_plain", "{}"),
}
STREAMING = {
    "speech (s)": ("seconds", "{:g}"), "computing (ms / s)": ("ms_per_s", "{:.1f}"),
    "last read (ms)": ("last_read_ms", "{:.0f}"), "reads": ("reads", "{}"), "whole encodings": ("encodings", "{}"),
    "frames computed / frames": ("frames_ratio", "{:.1f}"), "segments": ("segments", "{}"),
}


def tables(results: Mapping[str, Any]) -> str:
    """Those of the parts that ran."""
    parts = [_table(results["encoder"], "encoder", ("size", "pass", "method"), ENCODER),
             _table(results["streaming"], "front end", ("size", "front_end"), STREAMING)]
    return "\n".join(part for part in parts if part)


def _table(rows: Sequence[Mapping[str, Any]], header: str, names: Sequence[str],
           columns: Mapping[str, tuple[str, str]]) -> str:
    if not rows:
        return ""
    lines = [[", ".join(row[name] for name in names), *(_cell(row[key], form) for key, form in columns.values())]
             for row in rows]
    return "\n".join(markdown([[header, *columns], *lines])) + "\n"


def _cell(value: Any, form: str) -> str:
    if isinstance(value, list):
        return " × ".join(map(str, value)) or ABSENT
    return form.format(value)
