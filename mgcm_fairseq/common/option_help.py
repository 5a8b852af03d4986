"""Help of the options that fairseq makes of a dataclass: it ends with the default, as that of our own programs does."""

from dataclasses import MISSING, fields
from types import MappingProxyType
from typing import Any, TypeVar

C = TypeVar("C")
_EMPTY = ("", "{}", "???")


def shows_defaults(config: type[C]) -> type[C]:
    """A class decorator, above `@dataclass`: ends the help of its own options with `(default: X)`.

    Flags, and options that are empty unless they are given, have no default that a user would want to know.
    """
    for option in fields(config):  # type: ignore[arg-type]  # which mypy does not know for a dataclass
        text = option.metadata.get("help")
        if option.name in config.__annotations__ and text and _has_default(option.default):
            value = f"{option.default:g}" if isinstance(option.default, float) else option.default
            option.metadata = MappingProxyType({**option.metadata, "help": f"{text} (default: {value})"})
    return config


def _has_default(default: Any) -> bool:
    return not (default is None or default is False or default is MISSING or default in _EMPTY)
