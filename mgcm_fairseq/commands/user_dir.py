"""Prints the folder of this package, which fairseq's --user-dir takes wherever you are."""

import sys
from collections.abc import Sequence

from mgcm_fairseq.common.arguments import Parser
from mgcm_fairseq.common.installation import CONFIGS, PACKAGE
from mgcm_fairseq.common.program import program

NAME = "mgcm-user-dir"


@program(NAME)
def main(arguments: Sequence[str] | None = None) -> None:
    parser = Parser(NAME, description=__doc__)
    parser.add_argument("--configs", action="store_true", help="print the YAMLs' folder instead, for --config-dir")
    print(CONFIGS if parser.parse_args(arguments).configs else PACKAGE)


if __name__ == "__main__":
    sys.exit(main())
