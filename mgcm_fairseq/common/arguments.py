"""The parser of every program, whose help shows all defaults in one way, and types that argparse lacks."""

import argparse
from collections.abc import Callable, Collection
from typing import Any

from mgcm_fairseq.common.plain_numbers import plain_number, plain_whole
from mgcm_fairseq.common.program import called


class Parser(argparse.ArgumentParser):
    """argparse's, with the name that the user called the program by and help by the class below."""

    def __init__(self, script: str, **kwargs: Any) -> None:
        super().__init__(prog=called(script), formatter_class=_Help, **kwargs)


class _Help(argparse.HelpFormatter):
    """Ends the help of an option with `(default: X)`, unless its author says so in words of his own.

    Paragraphs of a description stay paragraphs, and those with indented lines stay as they are.
    """

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        if "(default: " in text or not _has_default(action):
            return text
        return f"{text} (default: {_shown(action)})".lstrip()

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(paragraph if "\n " in paragraph else super(_Help, self)._fill_text(paragraph, width, indent)
                           for paragraph in text.strip().split("\n\n"))


def _has_default(action: argparse.Action) -> bool:
    """Whether there is a value that the user would want to know: no flag's, and no empty one."""
    return not (action.default is None or action.default is False or action.default in ("", [], argparse.SUPPRESS))


def _shown(action: argparse.Action) -> str:
    """The default as a user would write it."""
    values = action.default if isinstance(action.default, list | tuple) else [action.default]
    texts = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    return (" " if action.nargs else ",").join(texts).replace("%", "%%")


def positive(text: str) -> int:
    """A whole number from 1 on."""
    value = plain_whole(text)
    if not value:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, found {text!r}")
    return value


def positives(text: str) -> list[int]:
    """Whole numbers from 1 on with commas between them."""
    return [positive(part) for part in text.split(",")]


def device(text: str) -> str:
    """`cpu`, `cuda` or `cuda:N`, whether this machine has it or not."""
    kind, colon, index = text.partition(":")
    if text != "cpu" and (kind != "cuda" or (colon and index != str(plain_whole(index)))):
        raise argparse.ArgumentTypeError(f"expected cpu, cuda, or one GPU such as cuda:1, found {text!r}")
    return text


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
