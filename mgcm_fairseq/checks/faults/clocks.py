"""File times in the future and in the past, as a clock that jumps or a copy makes them: what is done stays as it is."""

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from mgcm_fairseq.checks.faults.disturb import Bench
from mgcm_fairseq.checks.faults.programs import PROGRAMS, Program
from mgcm_fairseq.checks.faults.setting import Case, Row

YEARS = {"future": 10, "past": -30}
YEAR = 365 * 24 * 3600  # seconds


def clocks(bench: Bench) -> Iterator[Case]:
    """Of finished work, and of work that a kill interrupted."""
    for program in PROGRAMS.values():
        for where, years in YEARS.items():
            yield Case(f"{program.name}, {where}", 0, partial(_jump, bench, program, years))


def _jump(bench: Bench, program: Program, years: int) -> Row:
    usual = bench.undisturbed(program)
    out = bench.fresh(program.name, f"clock{years:+}")
    running = bench.start(program, out)
    running.wait(bench.setting.random("clock", program.name, years).uniform(0, 1.5 * usual.seconds))
    running.end()
    for path in out.rglob("*"):
        _turn(path, years)
    return {"status": running.status, "fault": "; ".join(bench.again(program, out, running))}


def _turn(path: Path, years: int) -> None:
    moment = time.time() + years * YEAR
    os.utime(path, (moment, moment))
