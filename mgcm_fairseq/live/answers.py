"""What a stream has to tell its client, kept until the client has it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator


class Answers:
    """Texts, numbered from 0. Sending never waits for a client, so one that sends all before it reads may do so."""

    def __init__(self) -> None:
        self.count = 0  # made so far
        self.complete = False
        self._kept: deque[str] = deque()
        self._changed = asyncio.Event()

    def add(self, text: str) -> None:
        self._kept.append(text)
        self.count += 1
        self._changed.set()

    def finish(self) -> None:
        """Nothing follows."""
        self.complete = True
        self._changed.set()

    @property
    def first(self) -> int:
        """The number of the first that is kept."""
        return self.count - len(self._kept)

    def drop(self, count: int) -> None:
        """Forgets those that the client has: the first so many of the stream."""
        for _ in range(min(count, self.count) - self.first):
            self._kept.popleft()

    async def following(self, number: int) -> AsyncIterator[str]:
        """Those from a number on, as they come, to the last. One reader at a time."""
        while True:
            self._changed.clear()
            while number < self.count:
                number = max(number, self.first) + 1
                yield self._kept[number - 1 - self.first]
            if self.complete:
                return
            await self._changed.wait()
