"""The samples that an agent was given, of which it may drop those that it needs no more."""

from collections.abc import Iterable
from typing import Self


class Heard:
    """Samples at 16 kHz of one source, numbered from its beginning whatever was dropped since.

    It stands where SimulEval's states have a list: they add what arrives.
    """

    def __init__(self) -> None:
        self._samples: list[float] = []
        self._dropped = 0

    def __len__(self) -> int:
        """How many there have been so far."""
        return self._dropped + len(self._samples)

    def __iadd__(self, samples: Iterable[float]) -> Self:
        self._samples += samples
        return self

    def between(self, start: int, end: int) -> list[float]:
        """Those from `start` to before `end`; ValueError for any that were dropped."""
        if start < self._dropped:
            raise ValueError(f"heard samples: expected a start from {self._dropped:,} on, where those kept begin, "
                             f"found {start:,}.")
        return self._samples[start - self._dropped:end - self._dropped]

    @property
    def latest(self) -> object:
        """The last one; None before the first."""
        return self._samples[-1] if self._samples else None

    @property
    def kept(self) -> int:
        """How many were not dropped."""
        return len(self._samples)

    def take(self) -> list[float]:
        """All that were not dropped, which now are."""
        taken, self._samples = self._samples, []
        self._dropped += len(taken)
        return taken

    def drop(self, end: int) -> None:
        """Drops those before `end`."""
        del self._samples[:max(0, end - self._dropped)]
        self._dropped = max(self._dropped, end)
