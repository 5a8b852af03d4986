"""The benchmark's rows as a Markdown table that also reads well in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = {  # header: (key, format)
    "size (B)": ("size_b", "{:g}"), "method": ("method", "{}"), "step (s)": ("seconds", "{:.3f}"),
    "time / plain": ("time_ratio", "{:.2f}"), "floor / plain": ("floor_ratio", "{:.2f}"),
    "peak over plain (parameters)": ("extra_peak_over_params", "{:+.2f}"), "kernels": ("kernels", "{}"),
    "host syncs": ("host_syncs", "{}"),
}
ABSENT = "–"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each row; memory in units of the parameters' bytes."""
    lines = [list(COLUMNS)] + [[ABSENT if row[key] is None else form.format(row[key]) for key, form in COLUMNS.values()]
                               for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = [("-" * width if header == "method" else "-" * (width - 1) + ":")
            for header, width in zip(COLUMNS, widths, strict=True)]
    padded = [[cell.ljust(width) if header == "method" else cell.rjust(width)
               for header, cell, width in zip(COLUMNS, line, widths, strict=True)]
              for line in [lines[0], rule, *lines[1:]]]
    return "\n".join("| " + " | ".join(line) + " |" for line in padded) + "\n"
