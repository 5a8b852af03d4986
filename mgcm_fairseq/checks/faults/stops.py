"""SIGTERM and SIGINT (Ctrl-C) at random moments, to a program alone or with all its processes."""

import signal
from collections.abc import Iterator
from functools import partial

from mgcm_fairseq.checks.faults.disturb import Bench
from mgcm_fairseq.checks.faults.programs import PROGRAMS
from mgcm_fairseq.checks.faults.setting import Case


def stops(bench: Bench) -> Iterator[Case]:
    """Four for each program."""
    for program in PROGRAMS.values():
        for number, (kind, group) in enumerate((kind, group) for kind in (signal.SIGINT, signal.SIGTERM)
                                               for group in (True, False)):
            yield Case(program.name, number, partial(
                bench.interrupted, program, bench.setting.random("stop", program.name, number), kind, group,
                f"stop-{number}"))
