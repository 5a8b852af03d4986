"""Options of agents that others give them too, and whether a user has given one."""

from collections.abc import Sequence

LONG_FORM = "--long-form"
SOURCE_LANG = "--source-lang"


def is_given(option: str, words: Sequence[str]) -> bool:
    """Whether an option is among the words of a command, alone or as `--option=value`."""
    return any(word.partition("=")[0] == option for word in words)
