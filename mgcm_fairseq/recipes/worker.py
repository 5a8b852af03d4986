"""One of torchrun's processes: fairseq-hydra-train, told by torchrun's variables which worker it is.

fairseq reads them too, but takes as many GPUs as workers for granted and divides by their number.
"""

import os
import sys

from mgcm_fairseq.compat import statistics_when_used

with statistics_when_used():
    from fairseq_cli.hydra_train import cli_main

import mgcm_fairseq.tasks  # noqa: F401 - fairseq's --user-dir leaves a package that is imported already as it is


def main() -> None:
    """Trains as worker RANK of WORLD_SIZE, on GPU LOCAL_RANK of this machine."""
    section = "distributed_training"
    sys.argv = ["fairseq-hydra-train", *sys.argv[1:],
                f"{section}.distributed_world_size={os.environ['WORLD_SIZE']}",
                f"{section}.distributed_rank={os.environ['RANK']}", f"{section}.device_id={os.environ['LOCAL_RANK']}",
                f"{section}.distributed_init_method='env://'", f"{section}.distributed_no_spawn=true"]
    cli_main()


if __name__ == "__main__":
    main()
