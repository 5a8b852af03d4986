"""What all cases are given, and what they give back."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

Row = dict[str, Any]  # of results.jsonl; `fault` in it says what went wrong, and is empty where nothing did


@dataclass(frozen=True)
class FaultsSetting:
    """Of one check."""

    out: Path  # folder of the results
    seed: int  # every random choice follows from it and from the name of its case
    kills: int  # by SIGKILL, over all programs
    quick: bool  # the least that goes through every program

    @property
    def material(self) -> Path:
        """A corpus and checkpoints, made once."""
        return self.out / "material"

    @property
    def work(self) -> Path:
        """What programs write, a folder for each case."""
        return self.out / "work"

    def random(self, *case: object) -> Random:
        """The choices of a case."""
        return Random("/".join(map(str, (self.seed, *case))))


@dataclass(frozen=True)
class Case:
    """One fault of a part; `run` makes it happen and says what came of it."""

    name: str
    number: int
    run: Callable[[], Row]


def say(text: str) -> None:
    """Tells the user on stderr, at once."""
    print(text, file=sys.stderr, flush=True)
