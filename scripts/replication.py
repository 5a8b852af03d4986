"""Tables and figures of the replication: mgcm-replication where the package is installed."""

import sys

from mgcm_fairseq.commands.replication import main

if __name__ == "__main__":
    sys.exit(main())
