"""Numbers as users write them: in plain digits, where Python would take underscores and other scripts' digits too."""

import math
import re

_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", re.ASCII)
_WHOLE = re.compile("[0-9]{1,18}")  # what 64 bits hold


def plain_number(text: str) -> float:
    """The number that is written there; NaN where there is none."""
    return float(text) if _NUMBER.fullmatch(text) else math.nan


def plain_whole(text: str) -> int | None:
    """The whole number from 0 on that is written there in digits alone, or None."""
    return int(text) if _WHOLE.fullmatch(text) else None
