"""Who hears Ctrl-C and SIGTERM: the program that the user started, and none of its helpers."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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
