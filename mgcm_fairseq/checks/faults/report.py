"""The results of a check as Markdown tables."""

from collections.abc import Sequence

from mgcm_fairseq.checks.faults.setting import Row
from mgcm_fairseq.evaluation.table import markdown

TITLES = {"kills": "SIGKILL", "stops": "SIGTERM and SIGINT", "disk": "No room on the disk", "deaths": "A process dies",
          "checkpoints": "Checkpoints that do not fit", "clocks": "File times"}


def table(rows: Sequence[Row]) -> str:
    """For each part the cases, how many ended as they should, and every one that did not."""
    lines = []
    for part, title in TITLES.items():
        of_part = [row for row in rows if row["part"] == part and "left out" not in row]
        if of_part:
            names = list(dict.fromkeys(row["case"] for row in of_part))
            lines += [f"## {title}", "", *markdown([["case", "times", "ended well", "where"], *(
                _line(name, [row for row in of_part if row["case"] == name]) for name in names)]), ""]
        lines += [f"FAULT: {row['case']} {row['number']}: {row['fault']}" for row in of_part if row["fault"]]
        lines += [""] if any(row["fault"] for row in of_part) else []
    return "\n".join(lines) + "\n"


def _line(name: str, rows: Sequence[Row]) -> list[str]:
    reached = [row["reached"] for row in rows if "reached" in row] or [row.get("said", "") for row in rows]
    counts = {where: reached.count(where) for where in sorted(set(reached))}
    return [name, str(len(rows)), str(sum(not row["fault"] for row in rows)),
            "; ".join(f"{where} ({count})" if count > 1 else where for where, count in counts.items())]
