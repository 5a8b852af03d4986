"""Measures conflict handling on the real network: step time, memory, kernels and host syncs of every method."""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from mgcm_fairseq import compat
from mgcm_fairseq.benchmarks.conflict.measure import measure
from mgcm_fairseq.benchmarks.conflict.methods import STEPS, available
from mgcm_fairseq.benchmarks.conflict.setting import CLOCKS, DTYPES, BenchmarkSetting
from mgcm_fairseq.benchmarks.conflict.sizes import SIZES, VOCABULARY
from mgcm_fairseq.benchmarks.conflict.table import table
from mgcm_fairseq.benchmarks.conflict.workload import SOURCE, TARGET
from mgcm_fairseq.common.arguments import Parser, number, positive, positives, some_of
from mgcm_fairseq.common.device import check_device
from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.whole import write_whole

SCRIPT = "scripts/benchmarks/conflict.py"


@program(SCRIPT)
def main() -> None:
    args = _parser().parse_args()
    threads = args.threads or (1 if args.clock == "cpu" else 0)
    if threads:
        torch.set_num_threads(threads)
    compat.install()
    results = run(args)
    if args.out:
        write_whole(args.out, json.dumps(results, indent=1) + "\n")
    print(table(results["rows"]), end="")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The whole of the JSON file."""
    check_device(args.device)
    if args.device == "cuda" and args.fake:
        raise InputError("--fake", "--device cpu", "cuda", "Fake tensors take the same memory anywhere.")
    if args.device == "cpu" and args.tf32:
        raise InputError("--tf32", "--device cuda", "cpu", "Only GPUs have TF32: leave it out.")
    methods = [method for method in args.methods if available(method)]
    if len(methods) < len(args.methods):
        say("torchjd: left out, for it is not installed (pip install -c constraints.txt -e '.[torchjd]')")
    rows = [row for setting in settings(args) for row in measure(setting, methods, say)]
    return {"rows": rows, "environment": {**environment(), "fake": args.fake, "dropout": 0.0, "source_tokens": SOURCE,
                                          "target_tokens": TARGET, "vocabulary": VOCABULARY}}


def settings(args: argparse.Namespace) -> Iterator[BenchmarkSetting]:
    """One for each network, batch and type that were asked for."""
    for size, utterances, dtype in itertools.product(args.sizes, args.batch, args.dtype):
        rounds = 0 if args.fake else args.rounds or SIZES[size].rounds
        yield BenchmarkSetting(size, utterances, args.seconds or SIZES[size].seconds, dtype, args.device, args.tf32,
                               args.clock, rounds)


def say(text: str) -> None:
    """Tells the user on stderr."""
    print(text, file=sys.stderr, flush=True)


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--sizes", type=some_of(SIZES), default=["0.05", "0.2", "0.5", "1.0"], metavar="NAME,...",
                        help=f"of {', '.join(SIZES)}; numbers are billions of parameters; thin: the paper's depth and "
                             "next to no arithmetic")
    parser.add_argument("--methods", type=some_of(STEPS), default=list(STEPS), metavar="NAME,...",
                        help=f"of {', '.join(STEPS)} ; plain is always measured; three_gradients handles no "
                             "conflicts (default: all)")
    parser.add_argument("--batch", type=positives, default=[1], metavar="N,...", help="utterances in the batch")
    parser.add_argument("--seconds", type=number(0.1, 20, "seconds from 0.1 to 20"),
                        help="length of each utterance (default: 8; thin: 0.5)")
    parser.add_argument("--dtype", type=some_of(DTYPES), default=["fp32"], metavar="NAME,...",
                        help=f"of {', '.join(DTYPES)}: parameters and activations")
    parser.add_argument("--tf32", action="store_true",
                        help="matrix products in fp32 may use TF32, as cuDNN's convolutions do anyway")
    parser.add_argument("--rounds", type=positive, help="timed steps of each method, in turns (default: 5; thin: 15)")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall",
                        help="cpu: of this process, for a machine that others use too")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where the network runs")
    parser.add_argument("--threads", type=positive,
                        help="threads of a CPU operator (default: PyTorch's; with --clock cpu 1)")
    parser.add_argument("--fake", action="store_true",
                        help="memory, kernels and host syncs only, without arithmetic: any size on any machine")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON file to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
