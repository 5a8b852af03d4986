"""A program in a session of its own: forked from this process, which has imported everything, or as a command."""

import atexit
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

from mgcm_fairseq.common.installation import HOME

LONGEST = 240.0  # seconds after which a program counts as hanging
_POLL = 0.002  # seconds between two looks

Entry = Callable[[], object]  # what the command calls, with sys.argv set


class Running:
    """A program that was started; its output, both streams, goes to the file `log`."""

    def __init__(self, words: Sequence[str], log: Path, entry: Entry | None = None,
                 before: Callable[[], None] | None = None) -> None:
        """Args:
            words: the command line.
            entry: called in a fork of this process instead of running the command, which saves seconds of imports.
            before: called in the new process first.
        """
        self.log = log
        self.status: int | None = None  # negative: the signal that ended it
        with warnings.catch_warnings():
            # OpenBLAS has threads from its import on, and makes them anew in a fork
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            _become(words, log, entry, before)

    def poll(self) -> bool:
        """Whether it has ended."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def wait(self, seconds: float = LONGEST) -> bool:
        """Whether it ends within that time."""
        return self.reaches(self.poll, seconds)

    def reaches(self, condition: Callable[[], bool], seconds: float = LONGEST) -> bool:
        """Whether `condition` comes true within that time; gives up where the program ends before."""
        limit = time.monotonic() + seconds
        while not condition():
            if self.poll() or time.monotonic() > limit:
                return condition()
            time.sleep(_POLL)
        return True

    def signal(self, number: int, group: bool) -> None:
        """Sends it to the program alone, or to all processes that it started too."""
        for pid in self.members() if group else [self.pid]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:  # it ended in the meantime
                continue

    def members(self) -> list[int]:
        """Every living process of its session."""
        return [one.pid for one in _processes() if one.session == self.pid and one.state not in "ZX"]

    def helpers(self) -> list[int]:
        """Those of them that work for the program, without Python's own, which start processes or count for them."""
        def serves(one: _Process) -> bool:
            words = Path(f"/proc/{one.pid}/cmdline").read_bytes()
            return b"resource_tracker" in words or (b"forkserver" in words and one.parent == self.pid)

        with suppress(FileNotFoundError, ProcessLookupError):  # of one that ends while it is looked at
            return [one.pid for one in _processes() if one.session == self.pid != one.pid and one.state not in "ZX"
                    and not serves(one)]
        return []

    def end(self) -> None:
        """Kills whatever still lives."""
        while alive := self.members():
            for pid in alive:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(_POLL)
        self.wait()

    def text(self) -> str:
        """What it has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


def _become(words: Sequence[str], log: Path, entry: Entry | None, before: Callable[[], None] | None) -> NoReturn:
    """Never returns: the fork ends here."""
    status = 1
    try:
        os.setsid()
        os.chdir(HOME)
        with open(os.devnull, "rb") as nothing, log.open("ab") as out:
            for descriptor, file in ((0, nothing), (1, out), (2, out)):
                os.dup2(file.fileno(), descriptor)
        sys.stdout, sys.stderr = (os.fdopen(descriptor, "w", encoding="utf-8", buffering=1, closefd=False)
                                  for descriptor in (1, 2))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # also where this check runs in the background
        os.environ.update(PYTHON=sys.executable, PYTHONPATH=str(HOME), PYTHONWARNINGS="ignore")
        if before is not None:
            before()
        warnings.simplefilter("ignore")  # as the commands' own -W ignore
        if entry is None:
            os.execvp(words[0], list(words))
        sys.argv = list(words[words[0] in ("bash", sys.executable):])
        status = _call(entry)
    except BaseException:  # an error of this check, not of the program
        traceback.print_exc()
    finally:
        os._exit(status)


def _call(entry: Entry) -> int:
    """The status that Python would end with."""
    status = 0
    try:
        entry()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException as error:
        status = 130 if isinstance(error, KeyboardInterrupt) else 1
        try:
            sys.excepthook(type(error), error, error.__traceback__)
        except SystemExit as ended:
            status = int(ended.code or 0)
    threading._shutdown()  # type: ignore[attr-defined]  # as Python does at its end
    atexit._run_exitfuncs()
    sys.stdout.flush()
    return status


class _Process(NamedTuple):
    pid: int
    state: str  # Z: it has ended, and nobody has asked for its status
    parent: int
    session: int


def _processes() -> list[_Process]:
    """All that run."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            try:
                state, parent, _, session = Path(entry.path, "stat").read_text().rpartition(")")[2].split()[:4]
            except (FileNotFoundError, ProcessLookupError):
                continue
            found.append(_Process(int(entry.name), state, int(parent), int(session)))
    return found
