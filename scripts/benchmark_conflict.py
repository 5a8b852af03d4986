"""Measures conflict handling on the real network: step time, memory, kernels and host syncs of every method."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch

from mgcm_fairseq import compat
from mgcm_fairseq.core.signature import environment
from mgcm_fairseq.data.arguments import number, positive, some_of
from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.evaluation.conflict_benchmark.measure import measure
from mgcm_fairseq.evaluation.conflict_benchmark.methods import METHODS, available
from mgcm_fairseq.evaluation.conflict_benchmark.sizes import SIZES, VOCABULARY
from mgcm_fairseq.evaluation.conflict_benchmark.table import table
from mgcm_fairseq.evaluation.conflict_benchmark.workload import SOURCE, TARGET


def main() -> None:
    args = _parser().parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    compat.silence_what_only_others_can_mend()
    try:
        results = run(args)
    except InputError as error:
        sys.exit(f"benchmark_conflict: {error}")
    if args.out:
        args.out.write_text(json.dumps(results, indent=1) + "\n")
    print(table(results["rows"]), end="")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The whole of the JSON file."""
    if args.device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device", "a device of this machine", "cuda, which PyTorch does not see", "Pass cpu.")
    if args.device == "cuda" and args.fake:
        raise InputError("--fake", "--device cpu", "cuda", "Fake tensors take the same memory anywhere.")
    methods = [method for method in args.methods if available(method)]
    if len(methods) < len(args.methods):
        say("torchjd: left out, for it is not installed (pip install -c constraints.txt -e '.[torchjd]')")
    rows = [row for size in args.sizes
            for row in measure(size, methods, args.seconds, 0 if args.fake else args.rounds, args.device, say)]
    setting = {"fake": args.fake, "rounds": 0 if args.fake else args.rounds, "dtype": "fp32", "dropout": 0.0,
               "utterances": 1, "speech_s": args.seconds, "source_tokens": SOURCE, "target_tokens": TARGET,
               "vocabulary": VOCABULARY}
    return {"rows": rows, "environment": {**environment(), **setting}}


def say(text: str) -> None:
    """Tells the user on stderr."""
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=_sizes, default=[0.05, 0.2, 0.5, 1.0], metavar="B,...",
                        help=f"billions of parameters, of {_names(SIZES)} (0.05,0.2,0.5,1.0)")
    parser.add_argument("--methods", type=some_of(METHODS), default=list(METHODS), metavar="NAME,...",
                        help=f"of {_names(METHODS)} (all); plain is always measured")
    parser.add_argument("--rounds", type=positive, default=5, help="timed steps of each method, in turns (5)")
    parser.add_argument("--seconds", type=number(0.1, 20, "seconds from 0.1 to 20"), default=8.0,
                        help="length of the utterance (8)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="(cpu)")
    parser.add_argument("--threads", type=positive, help="threads of a CPU operator (PyTorch's default)")
    parser.add_argument("--fake", action="store_true",
                        help="memory, kernels and host syncs only, without arithmetic: any size on any machine")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON file to write")
    return parser


def _names(known: Any) -> str:
    return ", ".join(map(str, known))


def _sizes(text: str) -> list[float]:
    known = {f"{size:g}": size for size in SIZES} | {str(size): size for size in SIZES}
    return [known[name] for name in some_of(known)(text)]


if __name__ == "__main__":
    main()
