"""Who hears Ctrl-C and SIGTERM: the program that the user started, and none of its helpers."""

import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from multiprocessing.forkserver import ensure_running
from typing import Any


@contextmanager
def children_deaf_to_interrupts() -> Iterator[None]:
    """Processes started meanwhile never see Ctrl-C, which a terminal sends to all: their parent tells them to end."""
    with _handled(signal.SIGINT, signal.SIG_IGN):
        yield


@contextmanager
def interrupts_later() -> Iterator[None]:
    """Ctrl-C meanwhile is heard at the end: not where a process has begun of which nobody knows yet."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    heard: list[int] = []
    with _handled(signal.SIGINT, lambda number, frame: heard.append(number)):
        yield
    if heard:
        raise KeyboardInterrupt


def deaf_processes(preload: Sequence[str]) -> ForkServerContext:
    """Starts processes from a server that has imported `preload`; none of them sees Ctrl-C.

    A fork of this process could inherit a lock that another thread holds. There is one server for the program: whoever
    starts it first decides what its processes hear, so everything that wants a server calls this.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    with children_deaf_to_interrupts():
        ensure_running()
    return context


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
