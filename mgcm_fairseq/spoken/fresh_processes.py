"""A fresh process for each job: for work that leaves its process in another state than it found it."""

import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.stopping import interrupts_later

T = TypeVar("T")
R = TypeVar("R")


def in_fresh_processes(work: Callable[[T], R], jobs: Iterable[T], count: int, context: ForkServerContext,
                       named: Callable[[T], str]) -> Iterator[R]:
    """`work` of each job, as they end; at most `count` are under way, and none once this has ended in any way.

    Python's pools of processes that take one job each wait for ever for the job of a process that was killed.

    Raises what `work` raises, and InputError if a process was killed.

    Args:
        named: what to call a job in that error.
    """
    jobs = iter(jobs)
    under_way: dict[Connection, tuple[BaseProcess, T]] = {}

    def begin() -> None:
        for job in jobs:
            answers, teller = context.Pipe(duplex=False)
            process = context.Process(target=_answer, args=(teller, work, job), daemon=True)
            with interrupts_later():
                process.start()
                teller.close()  # the only one left is the process's: its end is the end of the file
                under_way[answers] = process, job
            if len(under_way) == count:
                return

    try:
        begin()
        while under_way:
            ready = wait([*under_way])
            for answers in [one for one in under_way if one in ready]:
                yield _taken(answers, *under_way.pop(answers), named)
            begin()
    finally:
        for process, _ in under_way.values():
            process.terminate()
        for process, _ in under_way.values():
            process.join()


def _answer(teller: Connection, work: Callable[[T], R], job: T) -> None:
    """Runs in the fresh process."""
    try:
        answer: tuple[R | None, Exception | None] = work(job), None
    except Exception as error:
        error.add_note(traceback.format_exc())  # which does not travel by itself
        answer = None, error
    teller.send(answer)


def _taken(answers: Connection, process: BaseProcess, job: T, named: Callable[[T], str]) -> Any:
    try:
        with answers:
            result, error = answers.recv()
    except (EOFError, OSError):  # before the answer, or in the midst of it
        process.join()
        raise InputError(
            "--processes", "processes that live to the end of their work",
            f"one that {_ended(process.exitcode or 0)} while it spoke {named(job)}",
            "Run the same command again, with fewer --processes if memory ran out; what is finished is kept.") from None
    process.join()
    if error is not None:
        raise error
    return result


def _ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:  # a real-time signal
        name = f"signal {-status}"
    return f"was killed by {name}"
