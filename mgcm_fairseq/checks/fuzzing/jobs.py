"""The process in which inputs are read, with a bound on its memory."""

import os
import resource
import time
from collections import Counter
from collections.abc import MutableSequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from mgcm_fairseq.checks.fuzzing import generators
from mgcm_fairseq.checks.fuzzing.attempt import ACCEPTED, FAULTS, REFUSED, attempt, write_input
from mgcm_fairseq.checks.fuzzing.target import Target

NUMBER, BEGAN, TAKEN, REFUSALS = range(4)  # what the process writes where its parent sees it
IDLE = 0.0  # BEGAN between two inputs


@dataclass(frozen=True)
class Job:
    """Inputs `first` to `first + count - 1` of a target."""

    target: str  # module:class
    name: str
    generator: str
    seed: int
    first: int
    count: int
    folder: Path  # for the process alone
    seconds: float  # for an input
    memory: int  # bytes that the inputs may take beyond what the process has before the first


@dataclass(frozen=True)
class Fault:
    """What went wrong, with the folder that holds the input."""

    kind: str
    sort: str
    detail: str
    number: int
    folder: Path


def work(job: Job, shown: MutableSequence[float], answers: Connection) -> None:
    """Sends each Fault as it comes; in the end, and as they appear, the sorts of refusals and MiB of memory."""
    _be_silent(job.folder)
    _limit(resource.RLIMIT_CORE, 0)
    target = _load(job)
    inputs = job.folder / "input"
    inputs.mkdir(exist_ok=True)
    _limit(resource.RLIMIT_AS, _memory("VmSize") + job.memory)
    before, number = _memory("VmRSS"), job.first
    sorts: Counter[str] = Counter()

    def one(random: Random) -> None:
        nonlocal number
        write_input(inputs, target.draw(random))
        shown[NUMBER], shown[BEGAN] = number, time.monotonic()
        outcome = attempt(target, inputs, job.seconds)
        shown[BEGAN] = IDLE
        if outcome.kind == ACCEPTED:
            shown[TAKEN] += 1
        elif outcome.kind == REFUSED:
            shown[REFUSALS] += 1
        if outcome.kind in FAULTS:
            answers.send(Fault(outcome.kind, outcome.sort, outcome.detail, number, inputs))
            answers.recv()  # until the input has been copied
        number += 1
        if outcome.kind == REFUSED and outcome.sort not in sorts:
            answers.send(outcome.sort)
        sorts[outcome.sort] += 1
        if number == job.first + job.count:
            answers.send((_memory("VmHWM") - before) / 2**20)

    generators.run(job.generator, one, job.name, job.seed, job.first, job.count)


def _load(job: Job) -> Target:
    module, _, name = job.target.partition(":")
    with generators.instrumented() if job.generator == "atheris" else nullcontext():
        found = getattr(import_module(module), name)
    shared = job.folder / "shared"
    shared.mkdir(exist_ok=True)
    target: Target = found(shared)
    return target


def _be_silent(folder: Path) -> None:
    """Readers and C++ libraries write to these; the last words of a process that dies are kept."""
    words = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(words, descriptor)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**30, 2**30))


def _limit(what: int, bound: int) -> None:
    resource.setrlimit(what, (bound, resource.getrlimit(what)[1]))


def _memory(what: str) -> int:
    """Bytes, as Linux tells them."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"expected {what} in /proc/self/status")
