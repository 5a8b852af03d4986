"""The process of a training ends with the program that reads it."""

import sys

from mgcm_fairseq.recipes.cluster import Cluster
from mgcm_fairseq.recipes.launch import Launch
from mgcm_fairseq.recipes.processes import Processes


def test_a_training_ends_where_its_driver_is_stopped(tmp_path):
    with (tmp_path / "lock").open("w") as lock:
        processes = Processes(Launch("torchrun", Cluster(1, 1, True)), lock.fileno())
        running = processes.running([sys.executable, "-c", "import time; time.sleep(600)"])
        process = running.__enter__()
        assert process.poll() is None
        assert not running.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        assert process.poll() is not None
