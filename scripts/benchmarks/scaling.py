"""Computes step time, traffic and memory of training on many GPUs: costs measured on this CPU, machine assumed."""

import argparse
import json
import sys
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

from mgcm_fairseq import compat
from mgcm_fairseq.benchmarks.conflict.sizes import SIZES
from mgcm_fairseq.benchmarks.scaling.corpus import Lengths, SyntheticCorpus
from mgcm_fairseq.benchmarks.scaling.costs import Costs, measure
from mgcm_fairseq.benchmarks.scaling.machine import Machine
from mgcm_fairseq.benchmarks.scaling.report import report, tables
from mgcm_fairseq.benchmarks.scaling.simulate import SimulatedTraining
from mgcm_fairseq.benchmarks.scaling.variants import VARIANTS
from mgcm_fairseq.common.arguments import Parser, positive
from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.common.whole import write_whole

SCRIPT = "scripts/benchmarks/scaling.py"


@program(SCRIPT)
def main() -> None:
    args = _parser().parse_args()
    compat.install()
    results = run(args)
    if args.out:
        write_whole(args.out, json.dumps(results, indent=1) + "\n")
    print(tables(results["found"]), end="")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The whole of the JSON file."""
    machine = Machine(**{field.name: getattr(args, field.name) for field in fields(Machine)})
    training = SimulatedTraining(args.max_tokens, args.batch_size, args.seed)
    lengths = Lengths(args.utterances)
    corpus = SyntheticCorpus(lengths.draw(args.seed))
    measured_in: dict[str, Any] = environment()
    if args.measured:
        costs, measured_in = read(args.measured)
    else:
        largest = corpus.batches(args.max_tokens, args.batch_size).largest()
        costs = measure(args.size, list(VARIANTS), largest, say)
    return {"found": report(costs, corpus, machine, training, args.gpus), "measured": asdict(costs),
            "measured_in": measured_in,
            "assumed": {"machine": asdict(machine), "lengths": asdict(lengths), "training": asdict(training)},
            "environment": environment()}


def read(path: Path) -> tuple[Costs, dict[str, Any]]:
    """What an earlier run measured, and where."""
    try:
        written = read_json(path)
        return Costs.read(written["measured"]), written["measured_in"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("--measured", "a file that scaling.py --out wrote", f"{path}: {type(error).__name__}: {error}",
                         "Leave it out to measure anew.") from error


def say(text: str) -> None:
    """Tells the user on stderr."""
    print(text, file=sys.stderr, flush=True)


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--gpus", type=_counts, default=[1, 8, 64], metavar="N,...", help="how many GPUs")
    parser.add_argument("--size", choices=list(SIZES), default="0.2",
                        help="billions of parameters of the network; 0.2 is the paper's")
    parser.add_argument("--measured", type=Path, metavar="FILE",
                        help="take what an earlier run measured, memory of its largest batches too, in place of --size")
    parser.add_argument("--utterances", type=positive, default=Lengths.utterances, help="in the corpus")
    parser.add_argument("--max-tokens", type=positive, default=SimulatedTraining.max_tokens,
                        help="samples of a batch, padding counted")
    parser.add_argument("--batch-size", type=positive, default=SimulatedTraining.batch_size,
                        help="utterances of a batch at most")
    parser.add_argument("--seed", type=positive, default=SimulatedTraining.seed, help="of lengths and of the order")
    assumed = parser.add_argument_group("assumptions about the machine, an A100 machine unless you say otherwise")
    for field in fields(Machine):
        assert field.default is not MISSING
        assumed.add_argument(f"--{field.name.replace('_', '-')}", default=field.default,
                             type=positive if field.name == "node" else _amount,
                             help=f"{field.metadata['help']}")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON file to write")
    return parser


def _counts(text: str) -> list[int]:
    return [positive(part) for part in text.split(",")]


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = 0.0
    if not 0 < amount < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return amount


if __name__ == "__main__":
    sys.exit(main())
