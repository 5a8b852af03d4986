"""Measures what each agent computes by length of audio: real-time factor and time of a read, with random weights."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from mgcm_fairseq.benchmarks.agents import pacing
from mgcm_fairseq.benchmarks.agents.measure import count_reads, measure
from mgcm_fairseq.benchmarks.agents.systems import BOUNDS, SIZES, random_system
from mgcm_fairseq.benchmarks.agents.table import table
from mgcm_fairseq.common.arguments import Parser, numbers, positive, some_of
from mgcm_fairseq.common.device import check_device
from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.common.program import program
from mgcm_fairseq.evaluation.results import write_results
from mgcm_fairseq.evaluation.runs import Run, parse_runs

SCRIPT = "scripts/benchmarks/agents.py"
RUNS = ["wait-segment:3", "wait-k:3", "local-agreement:320", "alignatt:4", "edatt:0.2", "offline:1"]
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@program(SCRIPT)
def main() -> None:
    args = _parser().parse_args()
    torch.set_num_threads(args.threads)
    results = run(args)
    if args.out:
        write_results(args.out, results)
    print(table(results["agents"]), end="")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The whole of the JSON file."""
    check_device(args.device)
    runs = parse_runs(args.run or RUNS)
    reads = len(args.size) * len(runs) * count_reads(args.seconds, args.read, args.rounds)
    with tqdm(total=reads, unit=" reads") as progress:
        rows = [row for size in args.size for row in _of_size(size, runs, args, progress)]
    setting = {"rounds": args.rounds, "clock": args.clock, "dtype": "fp32", "device": args.device,
               "read_ms": args.read, "front_end_block_ms": args.front_end_block, "bounds": args.bounds,
               "words_per_second": pacing.RATE}
    return {"agents": rows, "environment": {**environment(), **setting}}


def _of_size(size: str, runs: list[Run], args: argparse.Namespace, progress: tqdm) -> list[dict[str, Any]]:
    rows = []
    system = random_system(size, args.front_end_block, BOUNDS if args.bounds else None)
    for one in runs:
        progress.set_description(f"{size}, {one.name}")
        agent = one.agent(Path("random weights"), system)
        paced = pacing.Pacing(agent.system)  # which is another one with --int8
        agent.to(args.device)
        for row in measure(agent, paced, args.seconds, args.read, args.rounds, CLOCKS[args.clock],
                           progress.update):
            rows.append({"size": size, "agent": " ".join([one.name, *one.options]), **row})
        paced.end()
    return rows


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--run", action="append", metavar="POLICY:POINT,POINT,... [OPTIONS]",
                        help=f"may be repeated; as of scripts/evaluate.sh (default: {', '.join(RUNS)})")
    parser.add_argument("--size", type=some_of(SIZES), default=["demo"], metavar="NAME,...",
                        help=f"of {', '.join(SIZES)}")
    parser.add_argument("--seconds", type=numbers(0.1, 3600, "seconds from 0.1 to 3600"),
                        default=[2.0, 5.0, 10.0, 20.0], metavar="S,...", help="lengths of audio")
    parser.add_argument("--read", type=positive, default=320, metavar="MS", help="audio that arrives at a time")
    parser.add_argument("--front-end-block", type=int, default=640, metavar="MS",
                        help="what the front end hears at a time; 0: everything again at every read")
    parser.add_argument("--bounds", action="store_true",
                        help="what attention reaches back to is bounded, as for talks; for agents with --long-form")
    parser.add_argument("--rounds", type=positive, default=3, help="times that each audio is heard")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall",
                        help="cpu: of this process, summed over its threads, for a machine that others use too")
    parser.add_argument("--threads", type=positive, default=1, help="threads of a CPU operator")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where the networks run")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON file to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
