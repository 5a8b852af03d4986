"""The streams that a server has: how many there may be, who has which, and how long a lost one is kept."""

import asyncio

from websockets.asyncio.server import ServerConnection

from mgcm_fairseq.live.interpreter import Interpreter
from mgcm_fairseq.live.limits import StreamLimits
from mgcm_fairseq.live.protocol import BUSY, LOST, REFUSED, REPLACED, Refused, Wishes
from mgcm_fairseq.live.runs import Runs
from mgcm_fairseq.live.session import Session

CLOSING = 10.0  # seconds for a client to answer a close


async def close(connection: ServerConnection, code: int = 1000, reason: str = "") -> None:
    """Also a connection whose client reads nothing, and so would never answer."""
    try:
        async with asyncio.timeout(CLOSING):
            await connection.close(code, reason)
    except TimeoutError:
        connection.transport.abort()


class Streams:
    """Of one server."""

    def __init__(self, runs: Runs, limits: StreamLimits) -> None:
        self.runs = runs
        self.limits = limits
        self.sessions: dict[str, Session] = {}
        self._expiring: dict[str, asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Task[None]] = set()  # a task that nobody holds may be collected

    def begin(self, wishes: Wishes, connection: ServerConnection) -> Session:
        """A new stream as a client wishes it; Refused where it cannot be."""
        self.check_languages(wishes)
        if wishes.run and wishes.run not in self.runs.names:
            raise Refused(REFUSED, f"run: expected one of {', '.join(self.runs.names)}, found {wishes.run[:40]!r}")
        if len(self.sessions) >= self.limits.streams:
            raise Refused(BUSY, f"expected at most {self.limits.streams} streams at once. Try again later.")
        run = wishes.run or self.runs.names[0]
        session = Session(Interpreter(self.runs.agent(run), wishes.sample_rate), self.limits)
        session.connection = connection
        self.sessions[session.name] = session
        return session

    def resume(self, wishes: Wishes, connection: ServerConnection) -> Session:
        """The stream that a client goes on with, which an older connection loses; Refused for one that is not there."""
        session = self.sessions.get(wishes.stream)
        if session is None:
            raise Refused(LOST, f"this stream is not known, or was lost for more than {self.limits.kept:.0f} s")
        if not session.answers.first <= wishes.answers <= session.answers.count:
            raise Refused(REFUSED, f"answers: expected {session.answers.first} to {session.answers.count}, "
                          f"found {wishes.answers}")
        older, session.connection = session.connection, connection
        if session.name in self._expiring:
            self._expiring.pop(session.name).cancel()
        if older is not None:
            closing = asyncio.create_task(close(older, REPLACED, "this stream goes on in another connection"))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        return session

    def leave(self, session: Session, connection: ServerConnection, over: bool) -> None:
        """A connection has ended. A stream that is not `over` is kept for a while, unless it has another one."""
        if session.connection is not connection:
            return
        session.connection = None
        if over:
            self.drop(session)
        else:
            self._expiring[session.name] = asyncio.get_running_loop().call_later(self.limits.kept, self.drop, session)

    def drop(self, session: Session) -> None:
        """Ends a stream, whatever it was at."""
        session.close()
        self.sessions.pop(session.name, None)
        if session.name in self._expiring:
            self._expiring.pop(session.name).cancel()

    def check_languages(self, wishes: Wishes) -> None:
        """Refused for languages that are not those of this server."""
        system = self.runs.system
        for name, expected in (("source_lang", system.source_lang), ("target_lang", system.corpus.tgt_lang)):
            if wishes.languages.get(name, expected) != expected:
                raise Refused(REFUSED, f"{name}: expected {expected}, found {wishes.languages[name][:40]!r}")
