"""Sound that waits for an agent. It has a bound: who brings more has to wait."""

import asyncio


class Inbox:
    """Bytes of one stream between its connection and its thread."""

    def __init__(self, limit: int) -> None:
        """`limit`: bytes from which on it is full."""
        self.limit = limit
        self.ended = False
        self.closed = False  # nobody takes anything out any more
        self._waiting = bytearray()
        self._changed = asyncio.Condition()

    def __len__(self) -> int:
        return len(self._waiting)

    async def room(self) -> None:
        """Waits until it is not full, or nobody empties it any more."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.closed or len(self._waiting) < self.limit)

    async def close(self) -> None:
        """Nobody takes anything out any more."""
        self.closed = True
        await self._tell()

    async def put(self, pcm: bytes) -> None:
        """Adds sound behind what waits, also to a full inbox."""
        self._waiting += pcm
        await self._tell()

    async def end(self) -> None:
        """Nothing follows."""
        self.ended = True
        await self._tell()

    async def get(self, most: int) -> tuple[bytes, bool]:
        """What waits, of that so many bytes, and whether they are the last; waits itself where nothing does."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.ended or self._waiting)
            taken = bytes(self._waiting[:most])
            del self._waiting[:most]
            self._changed.notify_all()
            return taken, self.ended and not self._waiting

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
