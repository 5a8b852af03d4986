"""A disk that is full, where this user may mount one, and a limit on the size of files; then the same with room."""

import resource
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from mgcm_fairseq.checks.faults.disturb import Bench, said, traceback
from mgcm_fairseq.checks.faults.programs import PROGRAMS, Program
from mgcm_fairseq.checks.faults.setting import Case, Row

TRIES = 3  # of each kind for each program
ROOM = "256m"  # of the disk once there is room


def full_disks(bench: Bench) -> Iterator[Case]:
    """Sizes between nothing and what the program needs."""
    for program in PROGRAMS.values():
        for number in range(1 if bench.setting.quick else TRIES):
            for kind in (_small_disk, _limit):
                yield Case(f"{program.name}, {kind.__doc__}", number, partial(kind, bench, program, number))


def _small_disk(bench: Bench, program: Program, number: int) -> Row:
    """full disk"""
    sizes, out = _sizes(bench, program), bench.fresh(program.name, f"disk-{number}")
    room = int(bench.setting.random("disk", program.name, number).uniform(0.05, 0.95) * sum(sizes))
    if not _mounted("-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(out)):
        return {"left out": "this user may not mount a disk", "fault": ""}
    try:
        return _short(bench, program, out, room, None, lambda: _mounted("-o", f"remount,size={ROOM}", str(out)))
    finally:
        subprocess.run(["umount", "--lazy", str(out)], check=True)


def _limit(bench: Bench, program: Program, number: int) -> Row:
    """file-size limit"""
    largest, out = max(_sizes(bench, program)), bench.fresh(program.name, f"limit-{number}")
    room = int(bench.setting.random("limit", program.name, number).uniform(0.05, 0.95) * largest)
    return _short(bench, program, out, room,
                  lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY)), lambda: True)


def _short(bench: Bench, program: Program, out: Path, room: int, before: Callable[[], None] | None,
           make_room: Callable[[], bool]) -> Row:
    running = bench.start(program, out, before)
    faults = [] if running.wait() else ["hangs"]
    text = running.text()
    row: Row = {"bytes": room, "status": running.status, "said": said(text)}
    if running.status == 0:
        faults.append("ends as though all were well")
    faults += traceback(text)
    make_room()
    return row | {"fault": "; ".join(faults + bench.again(program, out, running))}


def _sizes(bench: Bench, program: Program) -> list[int]:
    """Of the files that it writes undisturbed, in bytes."""
    return list(bench.undisturbed(program).sizes.values())


def _mounted(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], stderr=subprocess.DEVNULL, check=False).returncode == 0
