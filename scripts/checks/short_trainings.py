"""Trains ten short trainings and translates with every policy: --out writes each digit, --against compares with it."""

import argparse
import json
import sys
from pathlib import Path

from mgcm_fairseq.checks.short_trainings.run import differences, results
from mgcm_fairseq.checks.short_trainings.settings import TRAININGS
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.config import CorpusConfig


def main() -> int:
    """Returns 1 if a digit differs from those of --against, else 0."""
    args = _parser().parse_args()
    try:
        CorpusConfig.read(args.corpus)
    except InputError as error:
        sys.exit(f"short_trainings: {error}")
    found = {}
    for name, result in results(args.corpus.resolve(), args.out.resolve(), args.trainings or list(TRAININGS)):
        print(f"{name}: {json.dumps(result, ensure_ascii=False)}", flush=True)
        found[name] = result
    write_whole(args.out / "results.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    if not args.against:
        return 0
    before = json.loads(args.against.read_text(encoding="utf-8"))
    changed = differences({name: before[name] for name in found if name in before} if args.trainings else before, found)
    print("\n".join(changed) or f"all {len(found)} results are the same")
    return int(bool(changed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR", help="prepared corpus; a tiny one will do")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets results.json")
    parser.add_argument("--against", type=Path, metavar="FILE", help="results.json of another commit")
    parser.add_argument("--trainings", nargs="+", choices=TRAININGS, metavar="NAME", help="only these (all ten)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
