"""results.json as a Markdown table that also reads well in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = {  # header: (key, format of the number)
    "BLEU": ("BLEU", "{:.1f}"), "AL (ms)": ("AL", "{:.0f}"), "LAAL (ms)": ("LAAL", "{:.0f}"), "AP": ("AP", "{:.2f}"),
    "DAL (ms)": ("DAL", "{:.0f}"), "ATD (ms)": ("ATD", "{:.0f}"), "before end (of words)": ("before_end", "{:.1%}"),
}
ABSENT = "–"


def table(results: Mapping[str, Any]) -> str:
    """A row for each offline decoding, then one for each simultaneous run, then what the figures depend on."""
    rows = [["system", "lag k", *COLUMNS]]
    rows += [[f"offline {name}", ABSENT, *_numbers(run)] for name, run in results["offline"].items()]
    rows += [[run["policy"], f"{run['lag']}", *_numbers(run)] for run in results["simul"]]
    return "\n".join([*markdown(rows), "", *_notes(results)]) + "\n"


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table with the first row as its head: names to the left in the first column, numbers to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return ["| " + " | ".join(_pad(row, widths)) + " |" for row in [rows[0], rule, *rows[1:]]]


def _numbers(run: Mapping[str, Any]) -> list[str]:
    values = [(run.get(key), form) for key, form in COLUMNS.values()]
    return [ABSENT if value is None else form.format(value) for value, form in values]


def _pad(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]


def _notes(results: Mapping[str, Any]) -> list[str]:
    setting = results["environment"]
    signatures = sorted({run["signature"] for run in [*results["offline"].values(), *results["simul"]]})
    empty = [f"{name} ({count})" for name, count in setting["empty_hypotheses"].items() if count]
    notes = [
        f"{setting['utterances']} utterances; SimulEval in segments of {setting['source_segment_size_ms']} ms, "
        f"{setting['dtype']}; BLEU by sacreBLEU, `{'`, `'.join(signatures)}`.",
        "AP is a ratio. Latency counts the audio read, not computing time. "
        "Before end: words written before the source had been read to its end.",
    ]
    if empty:
        notes.append(f"Empty hypotheses, which have no latency and are left out of its means: {', '.join(empty)}.")
    return notes
