"""Options of agents that others give them too, or ask for, among the words of a command."""

from collections.abc import Sequence

LONG_FORM = "--long-form"
SENTENCES = "--sentences"
MODEL, PAUSES = "model", "pauses"  # who finds where a sentence of a talk ends
SOURCE_LANG = "--source-lang"


def is_given(option: str, words: Sequence[str]) -> bool:
    """Whether an option is among the words of a command, alone or as `--option=value`."""
    return any(word.partition("=")[0] == option for word in words)


def value_of(option: str, words: Sequence[str]) -> str | None:
    """What stands behind an option, the last time that it is given; None where it is not, or nothing is."""
    found = None
    for word, following in zip(words, [*words[1:], None], strict=False):
        name, equals, value = word.partition("=")
        if name == option:
            found = value if equals else following
    return found
