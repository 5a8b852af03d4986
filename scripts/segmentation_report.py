"""Counts a model's segments against words: mgcm-segments where the package is installed."""

import sys

from mgcm_fairseq.commands.segments import main

if __name__ == "__main__":
    sys.exit(main())
