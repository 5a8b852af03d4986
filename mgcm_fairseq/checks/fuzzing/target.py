"""What is fuzzed: a reader of the product, inputs for it, and a simple second reading to hold it against."""

from pathlib import Path
from random import Random
from typing import Protocol

Files = dict[str, bytes]  # an input: what is in each file, by its name


class RefusedError(Exception):
    """The product refused the input by what it returned; InputError and argparse's exit say the same."""


class LossError(Exception):
    """The product took the input, but not as it stands there: the fault that nobody would notice."""


class Target(Protocol):
    """One reader. Its constructor gets a folder of its own, for files that all inputs share."""

    def __init__(self, shared: Path) -> None: ...

    def draw(self, random: Random) -> Files:
        """An input, which depends on the random numbers alone."""

    def read(self, folder: Path) -> None:
        """Has the product read the input, which is in `folder`; LossError where a simple reading finds something else.

        Ends by itself if the product took the input, and by InputError, RefusedError or argparse's exit if not.
        """


def same(what: str, read: object, expected: object) -> None:
    """LossError unless what the product read is what stands there."""
    if read != expected:
        raise LossError(f"{what}: read {_short(read)}, where {_short(expected)} is written")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:150]}... ({len(text)} characters)"
