"""Draws a conflict log: mgcm-plot-conflicts where the package is installed."""

import sys

from mgcm_fairseq.commands.plot_conflicts import main

if __name__ == "__main__":
    sys.exit(main())
