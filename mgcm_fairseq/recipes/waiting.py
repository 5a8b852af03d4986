"""fairseq-hydra-train that imports everything first, and then waits for the line with its arguments.

The imports are not in a function: on several GPUs fairseq spawns a process for each, which imports this module again.
That registers the task: --user-dir does not register what lies in a package that is imported already.
"""

import json
import sys

from mgcm_fairseq.compat import statistics_when_used

with statistics_when_used():
    from fairseq_cli.hydra_train import cli_main

import torch._dynamo  # noqa: F401 - which PyTorch's optimizers import, a second of it

import mgcm_fairseq.tasks  # noqa: F401 - registers what the YAMLs name, while the user waits


def main() -> None:
    """Trains with the arguments of the line that comes; none comes where there is nothing to train."""
    line = sys.stdin.readline()
    if line:
        sys.argv = ["fairseq-hydra-train", *json.loads(line)]
        cli_main()


if __name__ == "__main__":
    main()
