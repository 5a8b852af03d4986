"""Work spread over processes: results in order, a bounded number of jobs under way, no process left behind."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.lock import join_in
from mgcm_fairseq.common.stopping import deaf_processes, interrupts_later

T = TypeVar("T")
R = TypeVar("R")
_AHEAD = 3  # jobs handed out for each process before the oldest must have ended


class ProcessPool:
    """`count` processes that write in `folder`, started once there is more than one job; one alone is this process.

    `folder`: None where they write nothing. `kind` names what they do there, as for `common.lock`; `preload`: modules
    that they need and share.
    """

    def __init__(self, count: int, folder: Path | None, kind: str = "preparation",
                 preload: Sequence[str] = ("mgcm_fairseq.preparation.packs",)) -> None:
        self._count, self._folder, self._kind, self._preload = count, folder, kind, preload
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "ProcessPool":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def in_order(self, work: Callable[[T], R], jobs: Iterable[T]) -> Iterator[R]:
        """`work` of each job; `jobs` is read a few ahead of the results that were taken.

        Raises what `work` raises, and InputError if a process was killed.
        """
        jobs = iter(jobs)
        first = list(islice(jobs, 2))
        if self._count == 1 or len(first) < 2:
            yield from map(work, chain(first, jobs))
            return
        pending: deque[Future[R]] = deque()
        try:
            for job in chain(first, jobs):
                pool = self._started()
                with interrupts_later():  # a process may be started here
                    pending.append(pool.submit(work, job))
                if len(pending) >= _AHEAD * self._count:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            raise InputError("--processes", "processes that live", "one that was killed, for lack of memory it may be",
                             "Run the same command again with fewer --processes; what is finished is kept.") from error

    def _started(self) -> ProcessPoolExecutor:
        if not self._pool:
            context = deaf_processes([__name__, *self._preload])
            self._pool = ProcessPoolExecutor(self._count, context, _end_with_parent, (self._folder, self._kind))
        return self._pool


def _end_with_parent(folder: Path | None, kind: str) -> None:
    """A process that waits for jobs would outlive a parent that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "runs in a process of the pool"
    if folder is not None:
        join_in(folder, kind)

    def watch(timeout: float | None = None) -> None:
        if wait([parent.sentinel], timeout):
            os._exit(1)

    watch(0)
    threading.Thread(target=watch, daemon=True).start()
