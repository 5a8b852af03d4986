"""Measures segmentation: the segmented encoder's time and memory over a plain one's, streaming by second of audio."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from mgcm_fairseq import compat
from mgcm_fairseq.benchmarks.segmentation import encoder, streaming
from mgcm_fairseq.benchmarks.segmentation.networks import SIZES
from mgcm_fairseq.benchmarks.segmentation.table import tables
from mgcm_fairseq.common.arguments import Parser, number, numbers, positive, some_of
from mgcm_fairseq.common.device import check_device
from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.whole import write_whole

SCRIPT = "scripts/benchmarks/segmentation.py"
PARTS = ("encoder", "streaming")
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@program(SCRIPT)
def main() -> None:
    args = _parser().parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    compat.silence_what_only_others_can_mend()
    results = run(args)
    if args.out:
        write_whole(args.out, json.dumps(results, indent=1) + "\n")
    print(tables(results), end="")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The whole of the JSON file."""
    check_device(args.device)
    clock = CLOCKS[args.clock]
    rows: dict[str, list[dict[str, Any]]] = {part: [] for part in PARTS}
    for size in args.size:
        if "encoder" in args.parts:
            workload = encoder.EncoderWorkload.build(size, args.frames, args.batch, args.layers, args.dropout,
                                                     args.device)
            rows["encoder"] += encoder.measure(workload, size, args.rounds, args.device, clock, say)
        if "streaming" in args.parts:
            for front_end in args.front_ends:
                rows["streaming"] += streaming.measure(size, front_end, args.front_end_block, args.seconds, args.read,
                                                       args.rounds, clock, say)
    setting = {"rounds": args.rounds, "clock": args.clock, "dtype": "fp32", "device": args.device,
               "frames": args.frames, "batch": args.batch, "layers": args.layers, "dropout": args.dropout,
               "noise": encoder.NOISE, "read_ms": args.read, "front_end_block_ms": args.front_end_block}
    return {**rows, "environment": {**environment(), **setting}}


def say(text: str) -> None:
    """Tells the user on stderr."""
    print(text, file=sys.stderr, flush=True)


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--parts", type=some_of(PARTS), default=list(PARTS), metavar="NAME,...",
                        help="encoder: layers on embedded speech; streaming: audio in reads, on the CPU "
                             "(default: both)")
    parser.add_argument("--size", type=some_of(SIZES), default=["paper"], metavar="NAME,...",
                        help=f"of {', '.join(SIZES)}; random weights")
    parser.add_argument("--rounds", type=positive, default=5, help="timed runs of each, in turns")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall",
                        help="cpu: of this process, for a machine that others use too")
    parser.add_argument("--threads", type=positive, help="threads of a CPU operator (default: PyTorch's)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON file to write")
    encoding = parser.add_argument_group("encoder")
    encoding.add_argument("--frames", type=positive, default=1500, help="T; 1500 are 30 s at 20 ms")
    encoding.add_argument("--batch", type=positive, default=8, help="B")
    encoding.add_argument("--layers", type=positive,
                          help="encoder layers (default: those of the size, paper 6, demo 2)")
    encoding.add_argument("--dropout", type=number(0, 0.9, "a probability from 0 to 0.9"), default=0.0,
                          help="all three rates; 0.1 in the paper")
    encoding.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where the encoder runs")
    streams = parser.add_argument_group("streaming")
    streams.add_argument("--seconds", type=numbers(0.1, 600, "seconds from 0.1 to 600"),
                         default=[5.0, 20.0, 60.0], metavar="S,...", help="lengths of utterances")
    streams.add_argument("--read", type=positive, default=320, metavar="MS", help="audio that arrives at a time")
    streams.add_argument("--front-ends", type=some_of(streaming.HEARING), default=list(streaming.HEARING),
                         metavar="NAME,...", help="blocks: processes audio in blocks; bidirectional: encodes all "
                                                  "audio at every read, which takes long at 60 s (default: both)")
    streams.add_argument("--front-end-block", type=positive, default=320, metavar="MS", help="length of a block")
    return parser


if __name__ == "__main__":
    sys.exit(main())
