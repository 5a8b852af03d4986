"""Streams an hour through an agent: does it hold, and compute, in its last minutes what it did in its first?"""

import sys

from mgcm_fairseq.checks.flat_hour import main

if __name__ == "__main__":
    sys.exit(main())
