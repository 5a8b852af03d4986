"""Counts the shapes and the padding of batches, as they are and on the grid of lengths: no GPU is needed.

Without a grid nearly every batch has a length of audio of its own, for which half precision on a GPU plans anew.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import mgcm_fairseq.tasks
from mgcm_fairseq.common.arguments import Parser, positive
from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.padding import Padding, padding
from mgcm_fairseq.tasks.config import SimulSTConfig
from mgcm_fairseq.tasks.simul_st import SimulSTTask

SCRIPT = "scripts/benchmarks/padding.py"
assert mgcm_fairseq.tasks  # registers the task
GRIDS = ("never", "always")
HEADER = ("| grid | epoch | batches | lengths of audio | shapes | audio, padding | audio, more than never | tokens, "
          "padding | tokens, more than never |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")


def epochs(grid: str, args: argparse.Namespace) -> list[Padding]:
    """What the batches of each epoch hold with --length-grid `grid`."""
    task = SimulSTTask.setup_task(SimulSTConfig(data=str(args.data), seed=args.seed, length_grid=grid,
                                                augment_speed=args.augment_speed))
    task.load_dataset("train")
    dataset = task.dataset("train")
    found = []
    for epoch in range(1, args.epochs + 1):
        batches = task.get_batch_iterator(dataset, max_tokens=args.max_tokens, max_sentences=args.batch_size,
                                          max_positions=task.max_positions(), seed=args.seed, epoch=epoch)
        found.append(padding(dataset, batches.frozen_batches))
    return found


def row(grid: str, epoch: int, found: Padding, plain: Padding) -> dict[str, Any]:
    """One epoch. What is more than without a grid is so in samples and tokens that are computed, padding included."""
    return {"grid": grid, "epoch": epoch, "batches": found.batches, "lengths": found.lengths, "shapes": found.shapes,
            "audio_padding": found.audio.padding, "audio_more": found.audio.padded / plain.audio.padded - 1,
            "token_padding": found.tokens.padding, "token_more": found.tokens.padded / plain.tokens.padded - 1}


def run(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Prints the table and returns its rows."""
    by_grid = {grid: epochs(grid, args) for grid in GRIDS}
    rows = [row(grid, number, found, plain) for grid, those in by_grid.items()
            for number, (found, plain) in enumerate(zip(those, by_grid["never"], strict=True), start=1)]
    print(HEADER)
    for one in rows:
        print("| {grid} | {epoch} | {batches:,} | {lengths:,} | {shapes:,} | {audio_padding:.2%} | {audio_more:.2%} | "
              "{token_padding:.2%} | {token_more:.2%} |".format(**one))
    return rows


@program(SCRIPT)
def main() -> None:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder that scripts/prep_corpus.sh "
                        "wrote")
    parser.add_argument("--max-tokens", type=positive, default=256_000, help="samples in a batch; "
                        "the demo's are 256,000, the paper's 1,500,000")
    parser.add_argument("--batch-size", type=positive, help="utterances in a batch, the paper's 32 (default: any)")
    parser.add_argument("--epochs", type=positive, default=1, help="more than one differ with --augment-speed alone")
    parser.add_argument("--augment-speed", default="", help="as in training: 0.9,1,1.1")
    parser.add_argument("--seed", type=positive, default=1, help="of the order of batches")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON file to write")
    args = parser.parse_args()
    rows = run(args)
    if args.out:
        write_whole(args.out, json.dumps({"rows": rows, "environment": environment()}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
