"""SIGKILL at random moments, to a program alone or with all its processes; a fifth as commands, the rest as forks."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from mgcm_fairseq.checks.faults.disturb import Bench
from mgcm_fairseq.checks.faults.programs import PROGRAMS
from mgcm_fairseq.checks.faults.setting import Case, Row

SHARES = {"preparation": 18, "packing": 14, "training": 14, "checkpoint writing": 18, "averaging": 12, "evaluation": 10,
          "export": 14}  # of a hundred kills
_COMMAND = 5  # every so many is of a command


def kills(bench: Bench) -> Iterator[Case]:
    """As many as the setting says."""
    for name, count in shared_out(bench.setting.kills, bench.setting.quick).items():
        for number in range(count):
            yield Case(name, number, partial(_kill, bench, name, number))


def shared_out(count: int, quick: bool) -> dict[str, int]:
    """How many kills each program gets; in a quick check none of evaluation, whose processes take longest to begin."""
    shares = {name: share for name, share in SHARES.items() if not (quick and name == "evaluation")}
    found, whole, sofar = {}, sum(shares.values()), 0
    for name, share in shares.items():
        found[name] = round(count * (sofar + share) / whole) - round(count * sofar / whole)
        sofar += share
    return found


def _kill(bench: Bench, name: str, number: int) -> Row:
    program = PROGRAMS[name]
    if number % _COMMAND == _COMMAND - 1:
        program = replace(program, entry=None)
    row = bench.interrupted(program, bench.setting.random("kill", name, number), signal.SIGKILL, number % 2 == 0,
                            f"kill-{number}")
    return {**row, "as": "a fork" if program.entry else "a command"}
