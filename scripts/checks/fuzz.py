"""Spoils files and options and hands them to every reader of the product: does it take them whole, or say why not?"""

import sys

from mgcm_fairseq.checks.fuzzing.check import main

if __name__ == "__main__":
    sys.exit(main())
