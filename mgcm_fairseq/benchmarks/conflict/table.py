"""The benchmark's rows as a Markdown table that also reads well in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from mgcm_fairseq.evaluation.table import ABSENT, markdown

COLUMNS = {  # header: (key, format)
    "method": ("method", "{}"), "size": ("size", "{}"), "batch": ("utterances", "{}"), "type": ("dtype", "{}"),
    "step (s)": ("seconds", "{:.3f}"), "time / plain": ("time_ratio", "{:.2f}"),
    "busy (s)": ("busy_seconds", "{:.3f}"), "busy / plain": ("busy_ratio", "{:.2f}"),
    "floor / plain": ("floor_ratio", "{:.2f}"), "peak over plain (parameters)": ("extra_peak_over_params", "{:+.2f}"),
    "kernels": ("kernels", "{}"), "host syncs": ("host_syncs", "{}"),
}
ONLY_ON_GPUS = ("busy_seconds", "busy_ratio")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each row; memory in units of the parameters' bytes."""
    busy = any(row["busy_seconds"] is not None for row in rows)
    columns = {header: column for header, column in COLUMNS.items() if busy or column[0] not in ONLY_ON_GPUS}
    lines = [[ABSENT if row[key] is None else form.format(row[key]) for key, form in columns.values()] for row in rows]
    return "\n".join(markdown([list(columns), *lines])) + "\n"
