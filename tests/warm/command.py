"""A command line of Python that runs in a fork, as it would in a process of its own.

A fork differs from a new process by what it has imported. What an environment must say before Python starts, it cannot
change: such a command gets a Python of its own.
"""

import atexit
import builtins
import fcntl
import logging
import os
import random
import runpy
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

READ_AT_THE_START = ("PYTHON", "LD_", "LC_", "LANG", "OMP_", "MKL_", "GOMP_", "OPENBLAS_", "ATEN_", "TORCH",
                     "PYTORCH_", "CUDA_", "MALLOC_", "TZ")  # when Python starts, or a library is imported
SET_HERE = ("PYTHON", "PYTHONPATH", "PYTHONIOENCODING")
BEFORE = dict(os.environ)
SET_BY_IMPORTS: dict[str, str] = {}


@dataclass
class Command:
    """`python WORDS` in a folder and an environment, with open files by their numbers and signals that it ignores."""

    words: Sequence[str]
    folder: str
    environment: Mapping[str, str]
    files: Mapping[int, int]
    ignored: Sequence[int]

    def status(self) -> int:
        """Its exit status, once it has ended as Python ends."""
        status = 0
        try:
            try:
                self._run()
            except SystemExit:
                raise
            except BaseException as error:
                status = 1
                sys.excepthook(type(error), error, error.__traceback__)  # which may end with another status
                if isinstance(error, KeyboardInterrupt):
                    signal.signal(signal.SIGINT, signal.SIG_DFL)
                    os.kill(os.getpid(), signal.SIGINT)
        except SystemExit as end:
            if not (isinstance(end.code, int) or end.code is None):
                print(end.code, file=sys.stderr)
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        try:
            threading._shutdown()
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:
            traceback.print_exc()
            status = 120  # as Python's
        return status & 0xff

    def _run(self) -> None:
        apart = {number: fcntl.fcntl(file, fcntl.F_DUPFD, 500) for number, file in self.files.items()}
        for file in self.files.values():
            os.close(file)
        for number, file in apart.items():
            os.dup2(file, number)
            os.close(file)
        signal.signal(signal.SIGINT, signal.SIG_IGN if signal.SIGINT in self.ignored else signal.default_int_handler)
        for other in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(other, signal.SIG_IGN if other in self.ignored else signal.SIG_DFL)
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environment)
        filters, words = split_filters(self.words)
        known = words and (words[0] in ("-c", "-m") or os.path.isfile(words[0]))
        if not known or read_at_the_start(self.environment) != read_at_the_start(BEFORE):
            os.execv(sys.executable, [sys.executable, *self.words])
        os.environ.update(SET_BY_IMPORTS)
        sys.warnoptions += filters
        for action in filters:
            warnings.simplefilter(action)
        open_standard_files(os.environ.get("PYTHONIOENCODING", "utf-8"))
        random.seed()
        log_as_fairseq_once_it_is_imported()
        run_as_main(words)


def split_filters(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The actions of -W, and what comes behind them and -B, which changes nothing here."""
    filters, rest = [], list(words)
    while rest and rest[0][:2] in ("-B", "-W"):
        option = rest.pop(0)
        if option.startswith("-W"):
            filters.append(option[2:] or rest.pop(0))
    return filters, rest


def note_what_imports_set() -> None:
    """Libraries that are imported change the environment: so they do for each command."""
    SET_BY_IMPORTS.update(item for item in os.environ.items() if item not in BEFORE.items())


def read_at_the_start(environment: Mapping[str, str]) -> dict[str, str]:
    """What a fork cannot change."""
    return {name: value for name, value in environment.items()
            if name.startswith(READ_AT_THE_START) and name not in SET_HERE and name not in SET_BY_IMPORTS}


def open_standard_files(encoding_and_errors: str) -> None:
    """As Python opens them."""
    encoding, _, errors = encoding_and_errors.partition(":")
    sys.stdin = os.fdopen(0, encoding=encoding, closefd=False)
    lines = 1 if os.environ.get("PYTHONUNBUFFERED") else -1
    sys.stdout = os.fdopen(1, "w", lines, encoding=encoding, errors=errors or None, closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding=encoding, errors=errors or "backslashreplace", closefd=False)


def log_as_fairseq_once_it_is_imported() -> None:
    """fairseq lets the first import of itself print all messages, unless the program has said what to print."""
    root, ordinary = logging.getLogger(), builtins.__import__
    level, handlers = root.level, root.handlers
    root.setLevel(logging.WARNING)
    root.handlers = []

    def imported(name: str, *more: Any, **named: Any) -> ModuleType:
        if name.split(".")[0] == "fairseq":
            builtins.__import__ = ordinary
            if not root.handlers:
                root.setLevel(level)
                root.handlers = handlers
        return ordinary(name, *more, **named)

    builtins.__import__ = imported


def run_as_main(words: Sequence[str]) -> None:
    """`-c CODE`, `-m MODULE` or a file, and its arguments."""
    if words[0] == "-c":
        sys.argv, sys.path[0] = ["-c", *words[2:]], ""
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(words[1], "<string>", "exec"), main.__dict__)
    elif words[0] == "-m":
        sys.argv, sys.path[0] = ["-m", *words[2:]], os.getcwd()
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = list(words), os.path.dirname(os.path.realpath(words[0]))
        runpy.run_path(words[0], run_name="__main__")
