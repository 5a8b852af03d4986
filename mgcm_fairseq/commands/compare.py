"""Compares evaluated systems: `python -m mgcm_fairseq.commands.compare` writes compare.json, compare.md and curves.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.stopping import stoppable
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.evaluation.comparison.assemble import assemble
from mgcm_fairseq.evaluation.comparison.plot import plot
from mgcm_fairseq.evaluation.comparison.systems import read_systems
from mgcm_fairseq.evaluation.comparison.tables import tables
from mgcm_fairseq.evaluation.results import write_results

LATENCIES = ("AL", "LAAL", "YAAL", "DAL", "ATD", "AP")


@stoppable
def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the tables and returns 0; prints what is wrong with the input and returns 2."""
    options = _parser().parse_intermixed_args(arguments)
    try:
        resamples, seed = _whole("--resamples", options.resamples, 1), _whole("--seed", options.seed, 0)
        at = None if options.at is None else _latencies(options.at)
        systems = read_systems(_named(options.systems), options.latency)
        comparison = assemble(systems, options.latency, at, resamples, seed)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    text = tables(comparison)
    write_results(options.out / "compare.json", comparison)
    write_whole(options.out / "compare.md", text)
    plot(comparison, options.out)
    print(text, end="")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/compare.sh", description=__doc__)
    parser.add_argument("systems", nargs="*", metavar="NAME=RESULTS[,RESULTS...]",
                        help="folders of scripts/evaluate.sh: one system, trained with one seed for each folder")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    parser.add_argument("--latency", choices=LATENCIES, default="AL", help="of the curves (AL)")
    parser.add_argument("--at", metavar="MS,MS,...",
                        help="latencies to read BLEU off at (five over the range that all curves share)")
    parser.add_argument("--resamples", default="1000", metavar="N", help="of the paired bootstrap (1000)")
    parser.add_argument("--seed", default="1", metavar="N", help="of the paired bootstrap (1)")
    return parser


def _named(texts: Sequence[str]) -> dict[str, list[Path]]:
    """The folders of each NAME."""
    if not texts:
        raise InputError("NAME=RESULTS", "at least one system", "none", "See --help.")
    systems: dict[str, list[Path]] = {}
    for text in texts:
        name, _, rest = text.partition("=")
        folders = rest.split(",")
        if not name or not all(folders):
            raise InputError("NAME=RESULTS", "NAME=RESULTS[,RESULTS...]", repr(text), "See --help.")
        if name in systems or len(set(folders)) < len(folders):
            raise InputError("NAME=RESULTS", "each name once, and each of its folders once", repr(text),
                             "Put all seeds of a system behind one name.")
        systems[name] = [Path(folder) for folder in folders]
    return systems


def _whole(option: str, text: str, least: int) -> int:
    if not text.isdecimal() or len(text) > 18 or int(text) < least:
        raise InputError(option, f"a whole number of at least {least}", repr(text), "Correct the option.")
    return int(text)


def _latencies(text: str) -> list[float]:
    try:
        values = [float(number) for number in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(map(math.isfinite, values)):
        raise InputError("--at", "numbers with commas between them", repr(text), "Correct the option.")
    return values


if __name__ == "__main__":
    sys.exit(main())
