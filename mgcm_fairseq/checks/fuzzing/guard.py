"""Watches over the process that reads inputs: ends it where it hangs, starts another where it died."""

import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Callable, MutableSequence, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from mgcm_fairseq.checks.fuzzing.jobs import BEGAN, IDLE, NUMBER, REFUSALS, TAKEN, Fault, Job, work
from mgcm_fairseq.common.stopping import deaf_processes

GRACE = 2.0  # seconds beyond its time after which an input that Python cannot interrupt is ended from outside
START = 120.0  # seconds in which a process must have read its first input


@dataclass
class Tally:
    """What came of the inputs of a target."""

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    refusals: set[str] = field(default_factory=set)  # sorts of them
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)  # by kind and sort
    seconds: float = 0.0
    memory_mib: float = 0.0


def fuzz(job: Job, on_fault: Callable[[Fault], None], preload: Sequence[str] = ()) -> Tally:
    """Reads all inputs of a job, in as many processes one after the other as die.

    `preload`: modules that take long to import, imported once for all processes that are forked.
    """
    tally, left = Tally(), job
    while left.count > 0:
        began = time.monotonic()
        fault, done = _process(left, tally, on_fault, preload)
        tally.seconds += time.monotonic() - began
        tally.inputs += done
        if fault:
            tally.faults[fault.kind, fault.sort] += 1
            on_fault(fault)
        left = replace(left, first=left.first + done, count=left.count - done)
    return tally


def _process(job: Job, tally: Tally, on_fault: Callable[[Fault], None],
             preload: Sequence[str]) -> tuple[Fault | None, int]:
    """One process until it ends: the fault that ended it, if any, and how many inputs it had."""
    context = _context(job.generator, preload)
    shown = context.RawArray("d", 4)
    shown[NUMBER] = job.first - 1
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(job, shown, theirs), daemon=True)
    process.start()
    theirs.close()
    hung = _follow(process, ours, shown, job, tally, on_fault)
    process.join()
    tally.accepted += int(shown[TAKEN])
    tally.refused += int(shown[REFUSALS])
    done = int(shown[NUMBER]) - job.first + 1
    if not hung and (process.exitcode == 0 or (job.generator == "atheris" and done == job.count)):
        return None, job.count if job.generator != "mutate" else done
    if not hung and shown[BEGAN] == IDLE:
        raise RuntimeError(f"fuzzing {job.name}: the process ended between inputs, with status {process.exitcode}\n"
                           + (job.folder / "output.txt").read_text("utf-8", "replace")[-3000:])
    kind, sort = ("hang", "not to be interrupted") if hung else ("crash", _ending(process.exitcode or 0))
    words = (job.folder / "output.txt").read_text("utf-8", "replace")[-3000:]
    return Fault(kind, sort, words, int(shown[NUMBER]), job.folder / "input"), done


def _follow(process: BaseProcess, answers: Connection, shown: MutableSequence[float], job: Job, tally: Tally,
            on_fault: Callable[[Fault], None]) -> bool:
    """Takes what the process sends until it ends; True if it had to be ended, for an input took too long."""
    started = time.monotonic()
    while True:
        try:
            if answers.poll(0.1):
                _take(answers.recv(), answers, tally, on_fault)
                continue
        except EOFError:
            return False
        now, began = time.monotonic(), shown[BEGAN]
        late = began != IDLE and now - began > job.seconds + GRACE
        never = shown[NUMBER] < job.first and now - started > START
        if late or never:
            process.kill()
            return late


def _take(answer: Any, answers: Connection, tally: Tally, on_fault: Callable[[Fault], None]) -> None:
    if isinstance(answer, Fault):
        tally.faults[answer.kind, answer.sort] += 1
        on_fault(answer)
        answers.send(None)
    elif isinstance(answer, str):
        tally.refusals.add(answer)
    else:
        tally.memory_mib = max(tally.memory_mib, answer)


def _context(generator: str, preload: Sequence[str]) -> Any:
    """atheris must see the imports, so that a process of its has to do them all."""
    if generator == "atheris":
        return multiprocessing.get_context("spawn")
    return deaf_processes(preload)


def _ending(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"
