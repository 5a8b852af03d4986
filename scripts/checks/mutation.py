"""Changes one thing at a time in core/ and modules/ and counts the changes that no near test notices."""

import sys

from mgcm_fairseq.checks.mutation.check import main

if __name__ == "__main__":
    sys.exit(main())
