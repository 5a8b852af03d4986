"""Draws a conflict log: conflicts by layer with a noise floor (the paper's Fig. 5), cosines, conflicts and weights.

It also shows how far the tasks' gradients agree in front end, encoder and decoder, by layer and over training: as a
figure, and in numbers.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from mgcm_fairseq.analysis.conflict_log import read_conflict_log
from mgcm_fairseq.analysis.consistency import write_summary, write_table
from mgcm_fairseq.analysis.plot_conflicts import (
    plot_by_layer,
    plot_consistency,
    plot_cosines,
    plot_over_time,
    plot_weights,
)
from mgcm_fairseq.common.arguments import Parser
from mgcm_fairseq.common.installation import SCRIPTS
from mgcm_fairseq.common.program import program

SCRIPT = SCRIPTS["plot-conflicts"]
FILES = {"by_layer.png": plot_by_layer, "cosines.png": plot_cosines, "over_time.png": plot_over_time,
         "weights.png": plot_weights, "consistency.png": plot_consistency, "consistency.json": write_summary,
         "consistency.md": write_table}


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("log", type=Path, help="what fairseq-train --conflict-log wrote")
    parser.add_argument("--out", type=Path, required=True, help=f"folder for {', '.join(FILES)}")
    args = parser.parse_args(arguments)
    log, torn = read_conflict_log(args.log)
    if torn:
        print(f"{args.log}: {torn} torn lines left out, of a training that was killed.", file=sys.stderr)
    args.out.mkdir(parents=True, exist_ok=True)
    for name, make in FILES.items():
        make(log, args.out / name)
        print(args.out / name)


if __name__ == "__main__":
    sys.exit(main())
