"""The benchmark's rows as a Markdown table that also reads well in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from mgcm_fairseq.evaluation.table import markdown

COLUMNS = {  # header: (key, format)
    "audio (s)": ("seconds", "{:g}"), "RTF": ("rtf", "{:.3f}"), "read, median (ms)": ("median_read_ms", "{:.1f}"),
    "read, worst (ms)": ("worst_read_ms", "{:.1f}"), "reads": ("reads", "{}"), "words": ("words", "{}"),
    "decoder passes": ("decoder_passes", "{}"),
}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each row."""
    lines = [[f"{row['size']}, {row['agent']}", *(form.format(row[key]) for key, form in COLUMNS.values())]
             for row in rows]
    return "\n".join(markdown([["agent", *COLUMNS], *lines])) + "\n"
