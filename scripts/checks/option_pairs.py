"""Trains every pair of training options for three updates, or shows with which reason it is refused."""

import sys
from pathlib import Path

from mgcm_fairseq.checks.option_pairs.report import report
from mgcm_fairseq.checks.option_pairs.sweep import Sweep
from mgcm_fairseq.common.arguments import Parser, positive
from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.common.program import program
from mgcm_fairseq.data.config import CorpusConfig

SCRIPT = "scripts/checks/option_pairs.py"


@program(SCRIPT)
def main() -> int:
    """Returns 1 if a training failed without a reason, else 0."""
    args = _parser().parse_args()
    CorpusConfig.read(args.corpus)
    args.out.mkdir(parents=True, exist_ok=True)
    sweep = Sweep(args.corpus.resolve(), args.out.resolve(), args.seed)
    sweep.run(args.trials)
    signature = ", ".join(f"{key} {value}" for key, value in environment().items())
    text = report(sweep) + f"\nSeed {args.seed}; {signature}\n"
    (args.out / "table.md").write_text(text, encoding="utf-8")
    print(text, end="")
    return int(bool(sweep.failures))


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR", help="prepared corpus; a tiny one will do")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR",
                        help="gets trials.jsonl, a line for each training, and table.md; the same command goes on")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the order of trainings")
    parser.add_argument("--trials", type=positive, metavar="N",
                        help="stop after N trainings, remembered ones included (default: all pairs)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
