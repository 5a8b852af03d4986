"""The processes of trainings; one on this machine can begin before its plan is made, for its imports take seconds."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from mgcm_fairseq.common.installation import HOME
from mgcm_fairseq.recipes.launch import PROGRAM, Launch

WAITING = [sys.executable, "-m", "mgcm_fairseq.recipes.waiting"]

Process = subprocess.Popen[str]


class Processes:
    """Each holds `lock`, an open file, too: it may outlive this one."""

    def __init__(self, launch: Launch, lock: int) -> None:
        self._launch, self._lock = launch, lock
        self._waiting: Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Ends a process that still waits."""
        if self._waiting is not None:
            self._waiting.communicate()

    def prepare(self) -> None:
        """Starts a process that imports fairseq and waits, where the launcher allows it."""
        if self._launch.launcher == "local":
            self._waiting = self._begin(WAITING)

    def start(self, command: list[str]) -> Process:
        """Runs the command of a training; its output is to be read from stdout."""
        if self._waiting is None:
            self.prepare()
        process, self._waiting = self._waiting or self._begin(command), None
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin:  # it died importing; its output says why
            if self._launch.launcher == "local":
                process.stdin.write(json.dumps(command[len(PROGRAM):]) + "\n")
        return process

    @contextmanager
    def running(self, command: list[str]) -> Iterator[Process]:
        """A process that is started, and ended where this program is stopped or fails before it."""
        with self.start(command) as process:
            try:
                yield process
            except BaseException:
                process.terminate()
                process.wait()
                raise

    def _begin(self, command: list[str]) -> Process:
        return subprocess.Popen(command, cwd=HOME, env=self._launch.environment(), text=True,
                                pass_fds=(self._lock,), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
