"""Spoils JSON: values of other types, sizes and names at any depth, and text that is JSON no more."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from mgcm_fairseq.checks.fuzzing.spoiling import few, spoil_bytes, spoil_lines, text
from mgcm_fairseq.checks.fuzzing.values import NUMBERS

ODD: tuple[Any, ...] = (None, True, False, 0, 1, -1, 2**31, 2**63, 10**30, 10**400, 0.5, -0.0, 1e308, float("nan"),
                        float("inf"), "", "a", "1", [], {}, [[]], [None], {"a": 1}, [1, 2, 3], ["a", "b"])
DEEP = 100_000  # brackets, far more than Python's own parser follows


def spoil_value(random: Random, value: Any) -> Any:
    """The value with one change somewhere inside."""
    if isinstance(value, dict) and value and random.randrange(8):
        key = random.choice(list(value))
        kind = random.randrange(10)
        if kind == 0:
            return {name: one for name, one in value.items() if name != key}
        if kind == 1:
            return {(text(random) if name == key else name): one for name, one in value.items()}
        return {**value, key: spoil_value(random, value[key])}
    if isinstance(value, list) and value and random.randrange(8):
        at, kind = random.randrange(len(value)), random.randrange(10)
        if kind == 0:
            return value[:at] + value[at + 1:]
        if kind == 1:
            return [*value, value[at]]
        return [*value[:at], spoil_value(random, value[at]), *value[at + 1:]]
    if isinstance(value, (int, float)) and abs(value) < 1e300 and not random.randrange(4):
        return value + random.choice((1, -1, 0.5))
    if isinstance(value, str) and random.randrange(2):
        return random.choice((value + text(random), text(random) + value, text(random)))
    return random.choice(ODD)


def written(random: Random, value: Any, write: Callable[[Any], str] = json.dumps) -> bytes:
    """The value with a few changes as text, now and then with changes to the text."""
    for _ in range(random.randint(0, 2)):
        value = spoil_value(random, value)
    data = write(value).encode("utf-8", "surrogatepass")
    kind = random.randrange(40)
    if kind == 0:
        return (b"[" if random.randrange(2) else b'{"a":') * DEEP
    if kind == 1:
        return data.replace(b": 1", b": " + random.choice(NUMBERS).encode(), 1)
    return few(random, data, (spoil_bytes, spoil_lines), 2) if kind < 12 else data
