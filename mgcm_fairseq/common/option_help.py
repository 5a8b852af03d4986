"""Help of the options that fairseq makes of a dataclass: it ends with the default, as that of our own programs does."""

from dataclasses import MISSING
from types import MappingProxyType
from typing import Any, TypeVar

C = TypeVar("C")


def shows_defaults(config: type[C]) -> type[C]:
    """A class decorator, above `@dataclass`: ends the help of its own options with `(default: X)`.

    Flags, and options that are empty unless they are given, have no default that a user would want to know.
    """
    own: dict[str, Any] = getattr(config, "__dataclass_fields__")  # noqa: B009  # which a type checker does not know
    for name in config.__annotations__:
        option = own[name]
        text = option.metadata.get("help")
        if text and option.default not in (None, False, "", "{}", "???", MISSING):
            value = f"{option.default:g}" if isinstance(option.default, float) else option.default
            option.metadata = MappingProxyType({**option.metadata, "help": f"{text} (default: {value})"})
    return config
