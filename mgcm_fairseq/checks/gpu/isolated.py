"""Runs a part in a process of its own: what it breaks on the GPU, or leaves in its memory, ends with it."""

import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

from mgcm_fairseq.checks.gpu.setting import GpuSetting, Row

LATE = 180.0  # seconds beyond a part's own, after which it counts as hanging

# Forked, so that nothing has to be imported again; the parent never touches the GPU, as a fork must find it.
_context = multiprocessing.get_context("fork")


def rows_of(part: Callable[[GpuSetting], Iterator[Row]], setting: GpuSetting) -> Iterator[Row]:
    """The part's rows as they come; one with an `error` for what it raised, or if it dies or hangs."""
    here, there = _context.Pipe(duplex=False)
    process = _context.Process(target=_run, args=(part, setting, there))
    with warnings.catch_warnings():
        # OpenBLAS has threads from its import on, and makes them anew in a fork
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        process.start()
    there.close()
    try:
        while here.poll(setting.seconds + LATE):
            row = here.recv()
            if row is None:
                return
            yield row
        yield {"error": f"nothing came for {setting.seconds + LATE:.0f} seconds"}
    except EOFError:
        process.join()
        yield {"error": f"the process ended with status {process.exitcode}"}
    finally:
        process.kill()
        process.join()


def _run(part: Callable[[GpuSetting], Iterator[Row]], setting: GpuSetting, pipe: Connection) -> None:
    try:
        for row in part(setting):
            pipe.send(row)
    except Exception as error:  # of any kind: the other parts go on
        pipe.send({"error": f"{type(error).__name__}: {error}"})
    pipe.send(None)
    pipe.close()
    os._exit(0)  # CUDA's own clean-up may hang after an error
