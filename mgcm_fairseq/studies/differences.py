"""How tables write means over seeds, what a system gains over the baseline, and what a study was made with."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mgcm_fairseq.evaluation.table import ABSENT


def with_spread(value: Sequence[float | None], digits: int = 1) -> str:
    """Mean and standard deviation over seeds, as `spread` returns them."""
    average, deviation = value
    if average is None:
        return ABSENT
    return f"{average:.{digits}f}" if deviation is None else f"{average:.{digits}f} ± {deviation:.{digits}f}"


def difference(effect: Mapping[str, Any]) -> str:
    """An `Effect` in BLEU: its mean, interval and p."""
    return f"{effect['difference']:+.1f} ({effect['low']:+.1f} to {effect['high']:+.1f}), p {effect['p']:.3f}"


def difference_rows(systems: Mapping[str, Any], runs: Mapping[str, str],
                    named: Callable[[str], str] = str) -> list[list[str]]:
    """Rows: for each run the difference and that of each seed, and bits by seed. The head alone: nothing to compare.

    Args:
        systems: of study.json; those that have effects get a row.
        runs: a run -> what the table calls it.
        named: a system -> what the table calls it.
    """
    rows = [["system", *(cell for run in runs.values() for cell in (run, "by seed")), "bits by seed"]]
    for name, system in systems.items():
        if effects := system["effects"]:
            cells = (cell for run in runs for cell in (difference(effects[run]), _each(effects[run]["by_seed"], 1)))
            rows.append([named(name), *cells, _each(system["bits_by_seed"], 3)])
    return rows


def versions(environment: Mapping[str, Any]) -> str:
    """Versions and machine of study.json, where trials differ all of theirs. Empty: nothing is known."""
    return ", ".join(f"{key} {' and '.join(map(str, value)) if isinstance(value, list) else value}"
                     for key, value in environment.items() if value is not None)


def _each(values: Sequence[float], digits: int) -> str:
    return " ".join(f"{value:+.{digits}f}" for value in values)
