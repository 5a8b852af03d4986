"""Runs studies one after the other with every step in a fork of this process, which imports once what takes seconds.

python -m tests.studies.forked_study STUDIES_JSON

STUDIES_JSON lists [name that its output gets, trial to be killed in or "", arguments of scripts/study.sh]. The trial is
killed by SIGKILL, with its study, as soon as its training has written a checkpoint.
"""

import contextlib
import ctypes
import json
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # which optimizers import
from fairseq import checkpoint_utils

from mgcm_fairseq.commands import average, evaluate, sharing_plan, study  # noqa: F401 - those of a study's steps

POPEN = subprocess.Popen
PR_SET_CHILD_SUBREAPER = 36  # of linux/prctl.h: whoever loses its parent becomes a child of this process


class Fork:
    """In the place of subprocess.Popen: a command `python -m MODULE ...` in a fork, as are processes that it starts."""

    victim = ""

    def __init__(self, command: Sequence[str], cwd: Path, env: Mapping[str, str], stdout: Any, **_: object) -> None:
        self.pid = forked(lambda: self._run(command, cwd, env), stdout.fileno())
        self.returncode: int | None = None

    def terminate(self) -> None:
        """As Popen's."""
        os.kill(self.pid, signal.SIGTERM)

    def _run(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        subprocess.Popen = POPEN
        multiprocessing.get_context = lambda method=None: get_context("fork")
        os.chdir(cwd)
        os.environ.update(env)
        if self.victim and any(f"/{self.victim}/checkpoints" in word for word in command):
            die_after_a_checkpoint()
        sys.argv = ["", *command[command.index("-m") + 2:]]
        runpy.run_module(command[command.index("-m") + 1], run_name="__main__", alter_sys=True)


def die_after_a_checkpoint() -> None:
    """Has this process and all of its group killed."""
    save = checkpoint_utils.save_checkpoint

    def save_and_die(*arguments: Any) -> None:
        save(*arguments)
        os.killpg(0, signal.SIGKILL)

    checkpoint_utils.save_checkpoint = save_and_die


def forked(run: Callable[[], object], output: int) -> int:
    """The process that runs it, and writes to this file."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(output, 1)
        os.dup2(output, 2)
        run()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def whole_study(arguments: Sequence[str], victim: str) -> None:
    """In a group of processes of its own, with its tables in out.md beside its output."""
    os.setsid()
    Fork.victim = victim
    subprocess.Popen = Fork
    sys.exit(study.main(arguments))


def status_once_all_ended(leader: int) -> int:
    """The leader's exit status, when no process of its group is left: one that still dies holds the study's lock."""
    status = os.waitstatus_to_exitcode(os.waitpid(leader, 0)[1])
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-leader, 0)
    return status


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for name, killed_in, line in json.loads(sys.argv[1]):
        with Path(name).open("wb") as file:
            child = forked(lambda words=line, victim=killed_in: whole_study(words, victim), file.fileno())
        print(status_once_all_ended(child))
