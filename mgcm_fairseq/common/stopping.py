"""What a program does when its user stops it with Ctrl-C: one line, status 130, and no word from its helpers."""

import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

STATUS = 130  # of a program that SIGINT ended, as shells count
SAID = "interrupted. The same command can be given again."


def stoppable(main: Callable[P, R]) -> Callable[P, R]:
    """For the `main` of a program: a KeyboardInterrupt ends it with a line on stderr in place of a traceback."""
    @functools.wraps(main)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return main(*args, **kwargs)
        except KeyboardInterrupt:
            print(SAID, file=sys.stderr)
            sys.exit(STATUS)

    return run


@contextmanager
def children_deaf_to_interrupts() -> Iterator[None]:
    """Processes started meanwhile never see Ctrl-C, which a terminal sends to all: their parent tells them to end."""
    with _handled(signal.SIGINT, signal.SIG_IGN):
        yield


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt meanwhile, so that what is open is closed and what was started is ended."""
    with _handled(signal.SIGTERM, signal.default_int_handler):
        yield


@contextmanager
def _handled(number: signal.Signals, handler: Any) -> Iterator[None]:
    """Another handler for a signal meanwhile; in a thread none, for signals are the main thread's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
