"""Fuzzes the readers of the product: scripts/checks/fuzz.py. Results are written as they come.

Every input must be taken whole or refused with a reason, within its time and memory. Inputs of the generator `mutate`
depend on seed, target and number alone: --first and --inputs 1 make one of them again.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mgcm_fairseq.checks.fuzzing import generators
from mgcm_fairseq.checks.fuzzing.guard import fuzz
from mgcm_fairseq.checks.fuzzing.jobs import Job
from mgcm_fairseq.checks.fuzzing.report import Kept, row, table, write
from mgcm_fairseq.checks.fuzzing.targets import TARGETS
from mgcm_fairseq.common.arguments import Parser, number, positive, some_of
from mgcm_fairseq.common.program import program

SCRIPT = "scripts/checks/fuzz.py"
SECONDS = 10.0  # for an input
MEMORY = 2**30  # bytes for the inputs of a target
SCRATCH = Path("/dev/shm")  # in memory: each input is a few files


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 if a fault was found."""
    options = _parser().parse_args(arguments)
    generators.needed(options.generator)
    results = check(options)
    print(table(results), end="")
    return 1 if any(one["sorts of fault"] for one in results["targets"].values()) else 0


def check(options: argparse.Namespace) -> dict[str, Any]:
    """results.json; its faults' inputs are in DIR/faults/TARGET-NUMBER."""
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"generator": options.generator, "seed": options.seed, "targets": {}}
    for name in options.target:
        with TemporaryDirectory(prefix="fuzz_", dir=SCRATCH if SCRATCH.is_dir() else None) as folder:
            job = Job(TARGETS[name].target, name, options.generator, options.seed, options.first,
                      options.inputs or TARGETS[name].inputs, Path(folder), options.seconds, MEMORY)
            found = row(fuzz(job, Kept(out / "faults", name), ["mgcm_fairseq.checks.fuzzing.preload"]))
        results["targets"][name] = found
        write(out, results)
        print(f"{name}: {found['inputs']:,} inputs, {found['inputs/s']:,}/s, "
              f"{len(found['sorts of fault'])} sorts of fault", file=sys.stderr, flush=True)
    return results


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR",
                        help="gets results.json, table.md and faults/")
    parser.add_argument("--target", type=some_of(TARGETS), default=list(TARGETS), metavar="NAME,...",
                        help=f"of {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--inputs", type=positive, metavar="N",
                        help="for each target (default: its share of 100,000 for all)")
    parser.add_argument("--seed", type=int, default=1, help="of the inputs")
    parser.add_argument("--first", type=int, default=0, metavar="I", help="number of the first input")
    parser.add_argument("--seconds", type=number(0.1, 600, "seconds from 0.1 to 600"), default=SECONDS, metavar="S",
                        help="after which an input counts as a hang")
    parser.add_argument("--generator", choices=generators.GENERATORS, default="mutate",
                        help="what makes the random numbers: seeds, Hypothesis, or atheris, which looks for branches "
                             "that no input took yet and needs the extra `fuzz`")
    return parser
