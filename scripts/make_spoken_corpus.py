#!/usr/bin/env python
"""Makes a corpus by speaking text: mgcm-spoken-corpus where the package is installed."""

import sys

from mgcm_fairseq.commands.spoken_corpus import main

if __name__ == "__main__":
    sys.exit(main())
