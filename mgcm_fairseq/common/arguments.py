"""Types of command-line arguments that argparse lacks."""

import argparse
from collections.abc import Callable, Collection

from mgcm_fairseq.common.plain_numbers import plain_number, plain_whole


def positive(text: str) -> int:
    """A whole number from 1 on."""
    value = plain_whole(text)
    if not value:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, found {text!r}")
    return value


def positives(text: str) -> list[int]:
    """Whole numbers from 1 on with commas between them."""
    return [positive(part) for part in text.split(",")]


def number(lowest: float, highest: float, what: str) -> Callable[[str], float]:
    """A type for numbers from `lowest` to `highest`; `what` names them in the error, with both ends."""
    def parse(text: str) -> float:
        value = plain_number(text)
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"expected {what}, found {text!r}")
        return value
    return parse


def numbers(lowest: float, highest: float, what: str) -> Callable[[str], list[float]]:
    """A type for such numbers with commas between them."""
    parse = number(lowest, highest, what)
    return lambda text: [parse(part) for part in text.split(",")]


def some_of(known: Collection[str]) -> Callable[[str], list[str]]:
    """A type for names with commas between them, each one of `known`."""
    def parse(text: str) -> list[str]:
        for name in text.split(","):
            if name not in known:
                raise argparse.ArgumentTypeError(f"expected some of {', '.join(known)}, found {name!r}")
        return text.split(",")
    return parse
