"""One stream of a client: its sound on the way to a thread of its own, and its answers on the way back.

A stream outlives its connection. Which connection it has now is said by whoever holds both, the server.
"""

import asyncio
import json
import logging
import secrets
from concurrent.futures import ThreadPoolExecutor

from websockets.asyncio.server import ServerConnection

from mgcm_fairseq.live.answers import Answers
from mgcm_fairseq.live.inbox import Inbox
from mgcm_fairseq.live.interpreter import Interpreter
from mgcm_fairseq.live.limits import StreamLimits
from mgcm_fairseq.live.protocol import FAULT, LOST, REPLACED, SAMPLE_BYTES, TOO_LONG, Packet, Refused

READ = 0.32  # seconds of sound that the agent is given at most at once, so that words come one after the other


class Session:
    """Of one interpreter, which its thread alone touches."""

    def __init__(self, interpreter: Interpreter, limits: StreamLimits, longest: float) -> None:
        """`longest`: seconds of sound that it may have."""
        self.name = secrets.token_urlsafe(16)  # that nobody guesses
        self.interpreter = interpreter
        self.limits = limits
        self.longest = longest
        self.connection: ServerConnection | None = None
        self.received = 0  # samples, those that were lost too
        self.answers = Answers()
        self.fault: Refused | None = None
        self._lost: list[tuple[float, float]] = []  # seconds, not told yet
        self._inbox = Inbox(self._bytes(limits.queue))
        self._thread = ThreadPoolExecutor(1, "stream")
        self._work = asyncio.create_task(self._interpret())

    async def take(self, packet: Packet, connection: ServerConnection) -> None:
        """Queues what is new of a packet, and waits where the queue is full.

        Sound that never came is silence of its length, and is told as lost. Refused where the stream is too long, or
        too much of it is missing, or it has another connection by now.
        """
        await self._inbox.room()
        self._check(connection)
        self.answers.drop(packet.answers)
        pcm = packet.pcm if packet.first is None else self._in_order(packet.pcm, packet.first)
        self.received += len(pcm) // SAMPLE_BYTES
        if self.received > self.longest * self.interpreter.rate:
            raise Refused(TOO_LONG, f"stream: expected at most {self.longest:g} s of sound. Begin a new one.")
        await self._inbox.put(pcm)

    async def end(self, connection: ServerConnection) -> None:
        """The client has nothing more to say."""
        self._check(connection)
        await self._inbox.end()

    @property
    def ended(self) -> bool:
        return self._inbox.ended

    def close(self) -> None:
        """Drops all of it. A read that is at work ends by itself."""
        self._work.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _check(self, connection: ServerConnection) -> None:
        if self.fault is not None:
            raise self.fault
        if connection is not self.connection:
            raise Refused(REPLACED, "this stream goes on in another connection")

    def _in_order(self, pcm: bytes, first: int) -> bytes:
        """What follows the sound received: without what was received before, with silence for what is missing."""
        missing = first - self.received
        if missing <= 0:
            return pcm[-missing * SAMPLE_BYTES:]
        if missing > self.limits.kept * self.interpreter.rate:
            raise Refused(LOST, f"{missing / self.interpreter.rate:.1f} s of sound are missing, more than "
                          f"{self.limits.kept:.0f} s. Begin a new stream.")
        self._lost.append((self.received / self.interpreter.rate, first / self.interpreter.rate))
        return bytes(missing * SAMPLE_BYTES) + pcm

    async def _interpret(self) -> None:
        """Hears what comes, until the last of it is translated; what goes wrong is told to the client."""
        loop, last = asyncio.get_running_loop(), False
        try:
            while not last:
                pcm, last = await self._inbox.get(self._bytes(READ))
                answer = await loop.run_in_executor(self._thread, self.interpreter.hear, pcm, last)
                self._answer(answer)
            self.answers.add(json.dumps({"end_of_processing": True}))
        except Exception as error:
            logging.getLogger(__name__).exception("the agent of a stream failed")
            self.fault = Refused(FAULT, f"the agent failed: {type(error).__name__}: {error}")
        finally:
            self.answers.finish()
            await self._inbox.close()

    def _answer(self, heard: dict[str, object]) -> None:
        rate = self.interpreter.rate
        told: dict[str, object] = {
            "answer": self.answers.count, "received": self.received, "sent": round(self.received / rate, 3),
            "queue": round((self.received - self.interpreter.samples) / rate, 3)}
        if self._lost:
            told["lost"], self._lost = self._lost, []
        self.answers.add(json.dumps({**heard, **told}, ensure_ascii=False))

    def _bytes(self, seconds: float) -> int:
        return int(seconds * self.interpreter.rate) * SAMPLE_BYTES
