"""The process that waits for its training: on several GPUs fairseq's own processes import its main module again."""

import subprocess
import sys

from mgcm_fairseq.recipes.processes import WAITING

SPAWNED = """
import sys, runpy
runpy.run_module(sys.argv[1], run_name="__mp_main__", alter_sys=True)  # as multiprocessing does in a spawned process
from argparse import Namespace
from fairseq import tasks, utils
utils.import_user_module(Namespace(user_dir=sys.argv[2]))
print("simul_st" in tasks.TASK_REGISTRY)
"""


def test_a_process_that_is_spawned_for_a_gpu_knows_the_task():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", SPAWNED, WAITING[-1], "mgcm_fairseq"],
                          capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "True"


def test_it_ends_where_no_line_comes():
    done = subprocess.run([*WAITING], input="", capture_output=True, text=True, check=True)
    assert done.stdout == ""
