"""Plans which layers languages share: mgcm-sharing-plan where the package is installed."""

import sys

from mgcm_fairseq.commands.sharing_plan import main

if __name__ == "__main__":
    sys.exit(main())
