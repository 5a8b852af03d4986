"""pytest in a fork of this process, which has imported all that takes seconds, but nothing that may be changed."""

import importlib
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from mgcm_fairseq import compat

MEMORY = 24 * 2**30  # bytes of addresses that a fork may have


def warm() -> None:
    """Imports what tests need, once for all forks."""
    compat.install()
    for name in ("torch.utils.checkpoint", "fairseq.models.wav2vec.wav2vec2", "fairseq_cli.train"):
        importlib.import_module(name)


def in_fork(run: Callable[[], int], seconds: float, output: Path) -> int | None:
    """What `run` answers, from 0 to 127; None if it took too long, and more than 127 if the process died."""
    pid = os.fork()
    if pid == 0:
        status = 126
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(written, 1)
            os.dup2(written, 2)
            status = run()
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        time.sleep(0.02)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def run_tests(files: Sequence[str], plugin: Any, *options: str) -> int:
    """pytest's exit status; failures of generated examples are not made small, which takes long."""
    class Quick:
        @staticmethod
        def pytest_configure() -> None:
            phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
            hypothesis.settings.register_profile("quick", parent=hypothesis.settings.default, phases=phases)
            hypothesis.settings.load_profile("quick")

    imported = "ignore:Module already imported so cannot be rewritten:pytest.PytestAssertRewriteWarning"
    return int(pytest.main(["-q", "-p", "no:cacheprovider", "-W", imported, *options, *files], plugins=[plugin, Quick]))
