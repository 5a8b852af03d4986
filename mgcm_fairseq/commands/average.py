"""Averages the weights of the last or the best checkpoints in a folder: `mgcm-average`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from mgcm_fairseq.common.arguments import Parser, positive
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS
from mgcm_fairseq.common.program import program
from mgcm_fairseq.models.averaging import average, best, latest

SCRIPT = SCRIPTS["average"]


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("folder", type=Path, help="--save-dir of the training")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--last", type=positive, metavar="N", help="the N checkpoints with the most updates")
    which.add_argument("--best", type=positive, metavar="N", help="the N checkpoints with the best validation score")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="checkpoint to write")
    args = parser.parse_args(arguments)
    if args.out.is_dir():
        raise InputError("--out", "a file to write", f"the folder {args.out}", "Name a file in it, such as model.pt.")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    paths = latest(args.folder, args.last) if args.last else best(args.folder, args.best)
    average(paths, args.out)
    print(f"{args.out}: mean of", *(path.name for path in paths))


if __name__ == "__main__":
    sys.exit(main())
