"""Compares evaluated systems: writes compare.json, compare.md and curves."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

from mgcm_fairseq.common.arguments import Parser
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS
from mgcm_fairseq.common.plain_numbers import plain_whole
from mgcm_fairseq.common.program import command, program
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.evaluation.comparison.assemble import assemble
from mgcm_fairseq.evaluation.comparison.plot import plot
from mgcm_fairseq.evaluation.comparison.systems import default_latency, read_systems
from mgcm_fairseq.evaluation.comparison.tables import tables
from mgcm_fairseq.evaluation.long_form.latency import METRICS as LONG_METRICS
from mgcm_fairseq.evaluation.long_form.stream_laal import NAME as STREAM_LAAL
from mgcm_fairseq.evaluation.results import write_results

SCRIPT = SCRIPTS["compare"]
LATENCIES = ("AL", "LAAL", "YAAL", "DAL", "ATD", "AP", *LONG_METRICS, STREAM_LAAL)


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the tables, and writes them and the curves."""
    options = _parser().parse_intermixed_args(arguments)
    resamples, seed = _whole("--resamples", options.resamples, 1), _whole("--seed", options.seed, 0)
    at = None if options.at is None else _latencies(options.at)
    systems = read_systems(_named(options.systems), options.latency)
    comparison = assemble(systems, options.latency or default_latency(systems), at, resamples, seed)
    options.out.mkdir(parents=True, exist_ok=True)
    text = tables(comparison)
    write_results(options.out / "compare.json", comparison)
    write_whole(options.out / "compare.md", text)
    plot(comparison, options.out)
    print(text, end="")


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("systems", nargs="*", metavar="NAME=RESULTS[,RESULTS...]",
                        help=f"folders of {command('evaluate')}: one system, trained with one seed for each folder")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    parser.add_argument("--latency", choices=LATENCIES,
                        help="latency of the curves (default: AL, of whole talks LongYAAL)")
    parser.add_argument("--at", metavar="MS,MS,...",
                        help="latencies at which BLEU is read off (default: five over the range that all curves share)")
    parser.add_argument("--resamples", default="1000", metavar="N", help="resamples of the paired bootstrap")
    parser.add_argument("--seed", default="1", metavar="N", help="seed of the paired bootstrap")
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
    number = plain_whole(text)
    if number is None or number < least:
        raise InputError(option, f"a whole number of at least {least}", repr(text), "Correct the option.")
    return number


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
