"""Averages the weights of checkpoints: mgcm-average where the package is installed."""

import sys

from mgcm_fairseq.commands.average import main

if __name__ == "__main__":
    sys.exit(main())
