"""A process dies of those that a program has started: one that loads, prepares, trains or translates."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from mgcm_fairseq.checks.faults.disturb import SETTLED, Bench, said, traceback
from mgcm_fairseq.checks.faults.material import Material
from mgcm_fairseq.checks.faults.programs import PROGRAMS, Program
from mgcm_fairseq.checks.faults.setting import Case, Row
from mgcm_fairseq.checks.process import LONGEST, Running

TRIES = 2  # of each kind
TRIES_OF_A_MOMENT = 8
LATER = 0.3  # seconds, at most, from the start of such a process to its death


def deaths(bench: Bench) -> Iterator[Case]:
    """Each kind of process, a few times."""
    loading = replace(PROGRAMS["training"], name="training with a loader",
                      command=_with("--num-workers", "1", "--max-update", "5"))
    both = replace(PROGRAMS["evaluation"], name="evaluation in two processes", command=_with_two_processes)
    for program, kind in ((loading, "a data loader"), (PROGRAMS["preparation"], "a process of preparation"),
                          (both, "a process of evaluation")):
        for number in range(TRIES):
            yield Case(kind, number, partial(_die, bench, program, number))
    for number in range(TRIES):
        yield Case("one of two workers of a training", number, partial(_rank_dies, bench, number))


def _with(*more: str) -> Callable[[Material, Path], list[str]]:
    return lambda made, out: [*PROGRAMS["training"].command(made, out), *more]


def _with_two_processes(made: Material, out: Path) -> list[str]:
    """Which the evaluation starts; a single one it is itself."""
    return [*PROGRAMS["evaluation"].command(made, out), "--processes", "2"]


def _has_helpers(running: Running) -> bool:
    return bool(running.helpers())


def _die(bench: Bench, program: Program, number: int) -> Row:
    bench.undisturbed(program)
    random = bench.setting.random("death", program.name, number)
    for again in range(TRIES_OF_A_MOMENT):  # the work may be over before the moment comes: an earlier one then
        out = bench.fresh(program.name, f"death-{number}")
        running = bench.start(program, out)
        running.reaches(partial(_has_helpers, running))
        running.wait(random.uniform(0, LATER / 2 ** again))
        if helpers := running.helpers():
            try:
                os.kill(random.choice(helpers), signal.SIGKILL)
            except ProcessLookupError:  # it has ended meanwhile
                helpers = []
        faults = [] if running.wait(LONGEST / 2) else ["hangs"]
        if helpers and running.status != 0:
            break
    text = running.text()
    if not helpers:
        faults.append("no process to be killed")
    faults += traceback(text) + bench.again(program, out, running)
    return {"status": running.status, "said": said(text), "fault": "; ".join(faults)}


def _rank_dies(bench: Bench, number: int) -> Row:
    out = bench.fresh("two_workers", f"death-{number}")
    program = PROGRAMS["training"]

    def start(rank: int) -> Running:
        words = [*program.command(bench.material, out / "run"), "--distributed-world-size", "2", "--distributed-rank",
                 str(rank), "--distributed-init-method", f"file://{out}/meeting", "--distributed-no-spawn",
                 "--distributed-backend", "gloo", "--ddp-backend", "legacy_ddp"]
        return Running(words, out / f"rank{rank}.log", program.entry)

    random = bench.setting.random("rank", number)
    both = [start(0), start(1)]
    both[0].reaches(lambda: program.say(both[0].text()) != "begun")
    both[0].wait(random.uniform(0, 1))
    dying = random.randrange(2)
    both[dying].signal(signal.SIGKILL, True)
    faults = [] if both[1 - dying].wait(SETTLED) else [f"the other waits for more than {SETTLED:.0f} s"]
    text = both[1 - dying].text()
    for running in both:
        running.end()
    faults += traceback(text)
    return {"dies": dying, "status": both[1 - dying].status, "said": said(text), "fault": "; ".join(faults)}
