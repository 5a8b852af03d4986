"""compare.json as Markdown tables that also read well in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from mgcm_fairseq.evaluation.comparison.formats import header, number, with_spread
from mgcm_fairseq.evaluation.comparison.notes import notes, warning
from mgcm_fairseq.evaluation.table import ABSENT, markdown

Rows = list[list[str]]


def tables(comparison: Mapping[str, Any]) -> str:
    """Warning, figures, BLEU at equal latency, tests at the same operating point, tests at matched latency, notes."""
    latency, bootstrap = comparison["latency"], comparison["bootstrap"]
    nothing = "Nothing to test: {}."
    sections = {
        "Figures": _figures(comparison),
        f"BLEU at equal {latency}": _interpolated(comparison["interpolated"], latency),
        "Paired tests, same policy and operating point": _tests(bootstrap["same_point"], comparison) or [
            nothing.format("no two systems have a policy and operating point in common")],
        f"Paired tests, nearest {latency}": _tests(bootstrap["matched"], comparison) or [
            nothing.format(f"fewer than two curves have a run with {latency}")],
        "Notes": [f"- {note}" for note in notes(comparison)],
    }
    lines = [f"# {', '.join(comparison['systems'])}: quality and latency", "", *warning(comparison["differing"])]
    for title, body in sections.items():
        lines += [f"## {title}", "", *body, ""]
    return "\n".join(lines[:-1]) + "\n"


def _figures(comparison: Mapping[str, Any]) -> list[str]:
    every = [*comparison["offline"], *comparison["points"]]
    metrics = list(dict.fromkeys(key for one in every for key, value in one.items() if isinstance(value, dict)))
    rows: Rows = [["system", "point", "seeds", *map(header, metrics)]]
    for one in every:
        name, point = ((f"offline {one['decoding']}", ABSENT) if "decoding" in one else
                       (one["policy"], f"{one['point']:g}"))
        seeds = one["BLEU"]["n"]
        rows.append([f"{one['name']}, {name}", point, str(seeds),
                     *(with_spread(metric, one.get(metric), seeds) for metric in metrics)])
    return markdown(rows)


def _interpolated(found: Mapping[str, Any], latency: str) -> list[str]:
    note = [] if found["shared"] else [f"The curves share no range of {latency}.", ""]
    if not found["at"]:
        return note[:1]
    rows: Rows = [["system", *(f"{number(latency, value)}" for value in found["at"])]]
    rows += [[f"{one['name']}, {one['policy']}", *(number("BLEU", value) for value in one["BLEU"])]
             for one in found["BLEU"]]
    return [*note, *markdown(rows)]


def _tests(tests: Sequence[Mapping[str, Any]], comparison: Mapping[str, Any]) -> list[str]:
    """A row for each test; none without tests."""
    latency, tested = comparison["latency"], comparison["bootstrap"]["latency"]
    rows: Rows = [["first → second", f"gap in {header(latency)}", "BLEU", "difference", "95 %", "p",
                   header(tested), "difference", "95 %", "p", "left out"]]
    rows += [[f"{_run(test['first'])} → {_run(test['second'])}", number(latency, test["gap"], "+"),
              *_difference("BLEU", test["BLEU"]), *_difference(tested, test[tested]),
              str(test[tested]["left_out"])] for test in tests]
    return markdown(rows) if tests else []


def _run(run: Mapping[str, Any]) -> str:
    return f"{run['name']}, {run['policy']} {run['point']:g}"


def _difference(metric: str, test: Mapping[str, Any]) -> list[str]:
    if test["p"] is None:
        return [ABSENT] * 4
    return [f"{number(metric, test['first'])} → {number(metric, test['second'])}",
            number(metric, test["difference"], "+"),
            f"{number(metric, test['low'], '+')} to {number(metric, test['high'], '+')}", f"{test['p']:.3f}"]
