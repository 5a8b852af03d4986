"""The error every reader of user files raises: where, what was expected, what was found, what to do."""

from pathlib import Path


class InputError(ValueError):
    """A user's file or option does not fit.

    Args:
        where: the file, or (file, line) with the line counted from 1, or the name of an option.
        expected: what should have been there.
        found: what is there, with the offending value.
        remedy: what the user can do about it.
    """

    def __init__(self, where: str | Path | tuple[str | Path, int], expected: str, found: str, remedy: str) -> None:
        text = f"{where[0]}:{where[1]}" if isinstance(where, tuple) else str(where)
        super().__init__(f"{text}: expected {expected}, found {found}. {remedy}")
        self.where = text
        self.found = found
        self._given = (where, expected, found, remedy)

    def __reduce__(self) -> tuple[type["InputError"], tuple[object, ...]]:
        """Lets the error come back from another process."""
        return InputError, self._given
