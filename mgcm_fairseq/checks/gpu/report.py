"""The results of a check: JSON, written as they come, and the same as Markdown tables."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mgcm_fairseq.checks.gpu.parts import MADE, PARTS
from mgcm_fairseq.checks.gpu.setting import Row
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.evaluation.table import ABSENT, markdown


def write(folder: Path, results: Mapping[str, Any]) -> None:
    """Both files, each whole."""
    write_whole(folder / "results.json", json.dumps(results, indent=1) + "\n")
    write_whole(folder / "table.md", tables(results))


def failures(results: Mapping[str, Any]) -> list[str]:
    """Every error, with its part."""
    return [f"{name}: {row['error']}" for name, rows in results["parts"].items() for row in rows if "error" in row]


def tables(results: Mapping[str, Any]) -> str:
    """A table for each part, with what failed or was left out below it; at the end what all depends on."""
    lines: list[str] = []
    for name, rows in results["parts"].items():
        part = {"corpus": MADE, **PARTS}[name]
        lines += [f"## {part.title}", "", *_table(rows, part.columns), ""]
    lines.append(", ".join(f"{key} {value}" for key, value in results["environment"].items()))
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    measured = [row for row in rows if "left out" not in row and set(row) != {"error"}]
    names = columns or list(dict.fromkeys(key for row in measured for key in row if key != "error"))
    lines = markdown([names, *([_cell(row.get(name)) for name in names] for row in measured)]) if measured else []
    left_out = [row["left out"] for row in rows if "left out" in row]
    lines += ["", f"Left out, for the time was over: {'; '.join(left_out)}."] if left_out else []
    return lines + [line for row in rows if "error" in row
                    for line in ["", f"FAILED: {' '.join(_words(row))}", "", "```", row["error"], "```"]]


def _words(row: Row) -> list[str]:
    return [value for value in row.values() if isinstance(value, str) and value is not row["error"]]


def _cell(value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
