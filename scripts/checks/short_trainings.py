"""Trains ten short trainings and translates with every policy: --out writes each digit, --against compares with it."""

import json
import sys
from pathlib import Path
from typing import Any

from mgcm_fairseq.checks.short_trainings.run import differences, results
from mgcm_fairseq.checks.short_trainings.settings import TRAININGS
from mgcm_fairseq.common.arguments import Parser
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.config import CorpusConfig

SCRIPT = "scripts/checks/short_trainings.py"


@program(SCRIPT)
def main() -> int:
    """Returns 1 if a digit differs from those of --against, else 0."""
    args = _parser().parse_args()
    CorpusConfig.read(args.corpus)
    before = _results_of(args.against) if args.against else {}
    found = {}
    for name, result in results(args.corpus.resolve(), args.out.resolve(), args.trainings or list(TRAININGS)):
        print(f"{name}: {json.dumps(result, ensure_ascii=False)}", flush=True)
        found[name] = result
    write_whole(args.out / "results.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    if not args.against:
        return 0
    changed = differences({name: before[name] for name in found if name in before} if args.trainings else before, found)
    print("\n".join(changed) or f"all {len(found)} results are the same")
    return int(bool(changed))


def _results_of(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = read_json(path)
        return {name: dict(result) for name, result in found.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError("--against", "the results.json of another commit", f"{path} ({error})",
                         "Correct the path.") from error


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR", help="prepared corpus; a tiny one will do")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets results.json")
    parser.add_argument("--against", type=Path, metavar="FILE", help="results.json of another commit")
    parser.add_argument("--trainings", nargs="+", choices=TRAININGS, metavar="NAME",
                        help="only these (default: all ten)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
