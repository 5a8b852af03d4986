"""Changes one thing at a time in the mathematics and the network, and counts the changes that no near test notices.

A line for each mutant goes to DIR/results.jsonl as it comes; the same command goes on from there.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mgcm_fairseq.checks.mutation import forked
from mgcm_fairseq.checks.mutation.killed_by import killed_by
from mgcm_fairseq.checks.mutation.mutants import Mutant, mutants
from mgcm_fairseq.checks.mutation.nearest import Nearest
from mgcm_fairseq.common.arguments import Parser, positive
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import HOME
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.read_text import json_lines

FILES = ("mgcm_fairseq/core/**/*.py", "mgcm_fairseq/modules/*.py")
TESTS = ("tests/core/**/test_*.py", "tests/modules/test_*.py", "tests/models/test_*.py", "tests/criterions/test_*.py",
         "tests/training/test_step.py", "tests/training/test_untouched.py", "tests/training/test_non_finite.py")
APART = "compiled.py"  # ends the names of test files that take minutes
SCRIPT = "scripts/checks/mutation.py"


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 1 if a mutant survived, else 0."""
    options = _parser().parse_args(arguments)
    options.out = options.out.resolve()
    options.out.mkdir(parents=True, exist_ok=True)
    os.chdir(HOME)  # where tests are named from
    files, tests = _found(FILES), [file for file in _found(TESTS) if not file.name.endswith(APART)]
    forked.warm()
    nearest = Nearest(options.out / "map.jsonl", HOME, files, tests)
    everything = [mutant for file in files
                  for mutant in mutants(str(file.relative_to(HOME)), file.read_text(encoding="utf-8"))
                  if options.only in mutant.file]
    if not everything:
        raise InputError("--only", "a part of the path of a file of core/ or modules/", options.only, "Correct it.")
    wanted = sorted(everything, key=lambda mutant: _drawn(mutant, options.seed))[:options.mutants]
    found = _results(wanted, nearest, options)
    survivors = [row for row in found if row["killed by"] is None]
    print(f"{len(found)} of {len(everything)} mutants, seed {options.seed}: {len(survivors)} survived "
          f"({len(survivors) / len(found):.1%})", *(row["mutant"] for row in survivors), sep="\n")
    return int(bool(survivors))


def _drawn(mutant: Mutant, seed: int) -> bytes:
    """What mutants are chosen by: those of other files stay chosen when a file changes."""
    return hashlib.sha256(f"{seed} {mutant.name} {mutant.number}".encode()).digest()


def _results(wanted: Sequence[Mutant], nearest: Nearest, options: argparse.Namespace) -> list[dict[str, Any]]:
    path = options.out / "results.jsonl"
    known = {}
    for _, row in json_lines(path, "Remove it.") if path.exists() else ():
        known[row["mutant"], row["number"]] = row
    for count, mutant in enumerate(wanted, 1):
        before = known.get((mutant.name, mutant.number))
        if before and not (options.again and before["killed by"] is None):
            continue
        tests = nearest.of(mutant, options.seconds)
        seconds = sum(nearest.seconds[test] for test in tests)
        row = {"mutant": mutant.name, "number": mutant.number, "tests": len(tests),
               "killed by": killed_by(mutant, HOME, tests, seconds, options.out / "mutant.log")}
        known[mutant.name, mutant.number] = row
        with path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
        print(f"{count}/{len(wanted)} {mutant.name}: {row['killed by'] or 'SURVIVED'}", file=sys.stderr, flush=True)
    return [known[mutant.name, mutant.number] for mutant in wanted]


def _found(patterns: Sequence[str]) -> list[Path]:
    return sorted({file for pattern in patterns for file in HOME.glob(pattern)})


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets results.jsonl and map.jsonl")
    parser.add_argument("--mutants", type=positive, default=200, metavar="N", help="how many")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="by which they are chosen")
    parser.add_argument("--only", default="", metavar="TEXT",
                        help="only in files whose path contains this (default: in all)")
    parser.add_argument("--seconds", type=positive, default=60, metavar="S",
                        help="of tests that a mutant is tried with, the fastest first")
    parser.add_argument("--again", action="store_true", help="try the survivors again, as after new tests")
    return parser
