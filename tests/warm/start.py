"""Starts the server, once for each process of the tests."""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


@functools.cache
def warm_python() -> str:
    """A program that takes the arguments of `python`, and runs them without importing everything anew."""
    folder = Path(tempfile.mkdtemp(prefix="warm-python-"))
    repository = Path(__file__).parents[2]
    address, program = folder / "server", folder / "python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{repository}/tests/warm/python.py" "{address}" "$@"\n')
    program.chmod(0o755)
    server = subprocess.Popen([sys.executable, "-m", "tests.warm.server", address], cwd=repository,
                              env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, start_new_session=True)
    owner = os.getpid()

    def end() -> None:
        if os.getpid() == owner:  # not in forks of it, in which the server would not end
            for pipe in (server.stdin, server.stdout):  # commands that still run, such as a fork server, hold it too
                pipe.close()
            server.wait()
            shutil.rmtree(folder)

    atexit.register(end)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    return str(program)
