"""Averages the weights of the last or the best checkpoints in a folder."""

import argparse
import sys
from pathlib import Path

from mgcm_fairseq.common.arguments import positive
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.stopping import stoppable
from mgcm_fairseq.models.averaging import average, best, latest


@stoppable
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="--save-dir of the training")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--last", type=positive, metavar="N", help="the N checkpoints with the most updates")
    which.add_argument("--best", type=positive, metavar="N", help="the N checkpoints with the best validation score")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="checkpoint to write")
    args = parser.parse_args()
    try:
        paths = latest(args.folder, args.last) if args.last else best(args.folder, args.best)
        average(paths, args.out)
    except InputError as error:
        sys.exit(f"average_checkpoints: {error}")
    print(f"{args.out}: mean of", *(path.name for path in paths))


if __name__ == "__main__":
    main()
