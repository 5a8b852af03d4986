"""Readers with a fault each, which fuzzing must find, and one without."""

import os
import signal
import time
from pathlib import Path
from random import Random

from mgcm_fairseq.checks.fuzzing.target import Files, RefusedError, same
from mgcm_fairseq.common.errors import InputError

COUNT = 12  # inputs, of which number 5 is the bad one


class Sound:
    """Takes even numbers and refuses odd ones, in each of the ways to refuse."""

    def __init__(self, shared: Path) -> None:
        self.drawn = 0

    def draw(self, random: Random) -> Files:
        return {"number": str(random.randrange(1_000)).encode()}

    def read(self, folder: Path) -> None:
        number = int((folder / "number").read_text())
        if number % 8 == 1:
            raise RefusedError("an odd number")
        if number % 8 == 3:
            raise SystemExit(2)
        if number % 2:
            raise InputError("number", "an even one", str(number), "Draw again.")


class Traceback(Sound):
    def read(self, folder: Path) -> None:
        if self.is_bad(folder):
            raise KeyError("planted")

    def is_bad(self, folder: Path) -> bool:
        """The inputs come in the order of their numbers, also in a process that took over; BAD is its first digit."""
        return (folder / "number").read_text() == BAD


class Exits(Traceback):
    def read(self, folder: Path) -> None:
        if self.is_bad(folder):
            raise SystemExit(1)


class Loses(Traceback):
    def read(self, folder: Path) -> None:
        same("rows", 2 if self.is_bad(folder) else 3, 3)


class Hangs(Traceback):
    def read(self, folder: Path) -> None:
        while self.is_bad(folder):
            pass


class HangsInC(Traceback):
    def read(self, folder: Path) -> None:
        if self.is_bad(folder):
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
            time.sleep(60)


class Crashes(Traceback):
    def read(self, folder: Path) -> None:
        if self.is_bad(folder):
            os.kill(os.getpid(), signal.SIGSEGV)


class Swells(Traceback):
    def read(self, folder: Path) -> None:
        if self.is_bad(folder):
            bytearray(2**30)


NUMBERS = [str(Random(f"1 planted {number}").randrange(1_000)) for number in range(COUNT)]
BAD = NUMBERS[5]
assert NUMBERS.count(BAD) == 1
