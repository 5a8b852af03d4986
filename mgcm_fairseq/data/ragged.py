"""Rows of different lengths in flat buffers: forked loader processes share these, as they would not share objects."""

from array import array
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray


class Ragged:
    """Rows of int32, the one behind the other; row i ends before `ends[i]`."""

    def __init__(self) -> None:
        self.values, self.ends = array("i"), array("q")

    def add(self, row: Iterable[int]) -> None:
        """Appends a row; not while a view of another is in use."""
        self.values.extend(row)
        self.ends.append(len(self.values))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> np.ndarray:
        """Row `index` as a view."""
        start = self.ends[index - 1] if index else 0
        return np.frombuffer(self.values, np.int32, self.ends[index] - start, start * self.values.itemsize)

    @property
    def lengths(self) -> np.ndarray:
        """(rows,), int64."""
        return np.diff(np.frombuffer(self.ends, np.int64), prepend=0)


class Texts:
    """Strings as UTF-8, the one behind the other."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.characters, self.ends = bytearray(), array("q")
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        self.characters += text.encode()
        self.ends.append(len(self.characters))

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> str:
        return self.characters[self.ends[index - 1] if index else 0:self.ends[index]].decode()


class Repeated:
    """Strings of which many are equal, such as names of files: each is held once, when `close` has been called."""

    def __init__(self) -> None:
        self._codes = array("i")
        self._known: dict[str, int] = {}

    def add(self, text: str) -> None:
        self._codes.append(self._known.setdefault(text, len(self._known)))

    def close(self) -> None:
        """Ends the adding."""
        self.distinct = Texts(self._known)
        self._known = {}

    def __len__(self) -> int:
        return len(self._codes)

    def __getitem__(self, index: int) -> str:
        return self.distinct[self._codes[index]]

    def each(self, number_of: Callable[[str], int]) -> NDArray[np.int64]:
        """(strings,) the number of each, which is asked for once for all that are equal."""
        return np.array([number_of(text) for text in self.distinct], np.int64)[np.frombuffer(self._codes, np.int32)]
