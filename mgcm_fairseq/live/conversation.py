"""One connection, from its first message to its close: what the client says in which order, and what it is told."""

import asyncio
import contextlib
import json
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from mgcm_fairseq.live.protocol import IDLE, REFUSED, TOO_LONG, VERSION, Refused, Wishes, read_message, read_packet
from mgcm_fairseq.live.session import Session
from mgcm_fairseq.live.streams import Streams, close

LEFT = (1000, 1001, 1005, IDLE, TOO_LONG)  # how a client closes, or takes our close, that does not come back
MOST_OF_REASON = 123  # bytes, as the protocol has it
LAST_WORDS = 1.0  # seconds for a client to take what it is told last, which it may have no eyes for


class Conversation:
    """Of one client over one connection."""

    def __init__(self, connection: ServerConnection, streams: Streams) -> None:
        self.connection = connection
        self.streams = streams
        self.wishes = Wishes()
        self.session: Session | None = None
        self._sending: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._ignoring: asyncio.Task[None] | None = None

    async def hold(self) -> None:
        """Takes all that the client says until one of both closes the connection."""
        refused = False
        try:
            while self.session is None or not self.session.ended:
                await self._take_next()
            self._ignoring = asyncio.create_task(self._ignore())
            if self._sending is not None:
                await self._sending
            if self.session.stopped is None:
                await self._goodbye()
            else:
                await self._refuse(self.session.stopped)
        except ConnectionClosed:
            pass
        except Refused as error:
            refused = True
            await self._refuse(error)
        finally:
            for task in filter(None, (self._sending, self._beating, self._ignoring)):
                task.cancel()
            if self.session is not None:
                failed = self.session.fault is not None
                left = refused or failed or not self.wishes.numbered or self.connection.close_code in LEFT
                self.streams.leave(self.session, self.connection, left)

    async def _take_next(self) -> None:
        """Takes the next message, or stops the stream of a client that waits for no answer and says nothing."""
        try:
            async with asyncio.timeout(self.streams.limits.idle):
                message = await self.connection.recv()
        except TimeoutError:
            idle = Refused(IDLE, f"nothing came for {self.streams.limits.idle:g} s")
            if self.session is None:
                raise idle from None
            if not self.session.waiting:
                await self.session.stop(self.connection, idle)
            return
        if isinstance(message, str):
            await self._take_text(read_message(message))
            return
        packet = read_packet(message, self.wishes.numbered)
        await self._begun().take(packet, self.connection)

    async def _ignore(self) -> None:
        """Reads what comes behind the end of a stream: unread, it would stand before the client's close."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.connection.recv()

    async def _take_text(self, message: dict[str, Any]) -> None:
        before = self.wishes.sample_rate, self.wishes.run, self.wishes.stream, self.wishes.numbered
        self.wishes.take(message)
        self.streams.check_languages(self.wishes)
        if self.session is not None and before != (self.wishes.sample_rate, self.wishes.run, self.wishes.stream,
                                                   self.wishes.numbered):
            raise Refused(REFUSED, "expected sample_rate, run, stream and protocol before any sound, found them later")
        if self.wishes.numbered and self.session is None:
            await self._open()
        if message.get("end_of_stream"):
            await self._begun().end(self.connection, self.wishes.samples)

    @property
    def _has(self) -> int:
        """The answers that the client has: none of a stream that began with this connection."""
        return self.wishes.answers if self.wishes.numbered and self.wishes.stream else 0

    def _begun(self) -> Session:
        """The stream of this connection, which its first sound or its end begins."""
        if self.session is None:
            self.session = self.streams.begin(self.wishes, self.connection)
            self._sending = asyncio.create_task(self._send(self.session))
        return self.session

    async def _open(self) -> None:
        """Begins a numbered stream, or goes on with one, and says where."""
        open_one = self.streams.resume if self.wishes.stream else self.streams.begin
        self.session = open_one(self.wishes, self.connection)
        await self.connection.send(json.dumps({"protocol": VERSION, "stream": self.session.name,
                                               "received": self.session.received}))
        self._sending = asyncio.create_task(self._send(self.session))
        self._beating = asyncio.create_task(self._beat(self.session))

    async def _send(self, session: Session) -> None:
        """Sends all answers that the client does not have yet, as they come; one that reads none is cut off."""
        with contextlib.suppress(ConnectionClosed):
            async for answer in session.answers.following(self._has):
                try:
                    async with asyncio.timeout(self.streams.limits.idle):
                        await self.connection.send(answer)
                except TimeoutError:
                    self.connection.transport.abort()
                    return
                if not self.wishes.numbered:
                    session.answers.drop(session.answers.first + 1)
            if session.fault is not None:
                await self._refuse(session.fault)

    async def _beat(self, session: Session) -> None:
        """Says time and again that the server is there, so that a long answer does not look like a lost connection."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(self.streams.limits.beat)
                await self.connection.send(json.dumps({"at_work": round(session.at_work, 1)}))

    async def _goodbye(self) -> None:
        """Waits for the client to close, which has all by now."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.streams.limits.idle):
                await self.connection.wait_closed()
        await close(self.connection)

    async def _refuse(self, refused: Refused) -> None:
        """Says why, as a message and with the close, since a program may show either."""
        reason = refused.reason.encode()[:MOST_OF_REASON].decode(errors="ignore")
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await self.connection.send(json.dumps({"error": refused.reason, "code": refused.code}))
        await close(self.connection, refused.code, reason)
