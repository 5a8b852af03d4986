"""Draws one utterance of a segmenting model: mgcm-plot-segments where the package is installed."""

import sys

from mgcm_fairseq.commands.plot_segments import main

if __name__ == "__main__":
    sys.exit(main())
