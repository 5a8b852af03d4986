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
from mgcm_fairseq.live.protocol import FAULT, REPLACED, SAMPLE_BYTES, TOO_LONG, Packet, Refused

READ = 0.32  # seconds of sound that the agent is given at most at once, so that words come one after the other
SILENCE = 1.0  # seconds that it hears of sound that never came: a machine that does not keep up has no time for more


class Session:
    """Of one interpreter, which its thread alone touches."""

    def __init__(self, interpreter: Interpreter, limits: StreamLimits) -> None:
        self.name = secrets.token_urlsafe(16)  # that nobody guesses
        self.interpreter = interpreter
        self.limits = limits
        self.connection: ServerConnection | None = None
        self.received = 0  # samples, those that were lost too
        self.queued = 0  # samples that the agent hears, or has heard
        self.answers = Answers()
        self.fault: Refused | None = None
        self.stopped: Refused | None = None  # why the server takes no more sound; what it has is translated
        self._asked: float | None = None  # when the agent got what it is at, by the clock of the loop
        self._lost: list[tuple[int, float, float]] = []  # samples queued before, seconds from and to; not told yet
        self._inbox = Inbox(self._bytes(limits.queue))
        self._thread = ThreadPoolExecutor(1, "stream")
        self._work = asyncio.create_task(self._interpret())

    async def take(self, packet: Packet, connection: ServerConnection) -> None:
        """Queues what is new of a packet, and waits where the queue is full.

        Sound that never came is told as lost, and is silence of which the agent hears SILENCE. What is behind the limit
        of a stream is not taken, and stops it. Refused where the stream has another connection by now.
        """
        await self._inbox.room()
        self._check(connection)
        self.answers.drop(packet.answers)
        pcm = packet.pcm
        if packet.first is not None:
            pcm = pcm[max(0, self.received - packet.first) * SAMPLE_BYTES:]
            await self._miss(packet.first)
        new = len(pcm) // SAMPLE_BYTES
        taken = min(new, self._left)
        self.received += taken
        await self._queue(pcm[:taken * SAMPLE_BYTES])
        if taken < new:
            await self.stop(connection, self._too_long())

    async def stop(self, connection: ServerConnection, why: Refused) -> None:
        """Takes no more sound. What has come is translated to its end, and then the client is told why."""
        self._check(connection)
        self.stopped = why
        await self._inbox.end()

    async def end(self, connection: ServerConnection, samples: int = 0) -> None:
        """The client has nothing more to say. It had so many `samples`, if it numbers them."""
        self._check(connection)
        if self.ended:
            return
        await self._miss(samples)
        if samples > self.received:
            self.stopped = self._too_long()
        await self._inbox.end()

    @property
    def at_work(self) -> float:
        """Seconds for which the agent has been at the answer that comes next; 0 where it has nothing to do."""
        return 0.0 if self._asked is None else asyncio.get_running_loop().time() - self._asked

    @property
    def waiting(self) -> int:
        """Samples that the agent has not heard, or has not answered."""
        return self.queued - self.interpreter.samples

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

    async def _miss(self, number: int) -> None:
        """Whatever has not come of the samples before a number never will."""
        missing, begin, rate = min(number - self.received, self._left), self.received, self.interpreter.rate
        if missing <= 0:
            return
        self.received += missing
        self._lost.append((self.queued, begin / rate, self.received / rate))
        heard = min(missing, int(SILENCE * rate))
        self.interpreter.clock.skip(self.queued + heard, missing - heard)
        await self._queue(bytes(heard * SAMPLE_BYTES))

    @property
    def _left(self) -> int:
        """Samples that the stream may still have."""
        return int(self.limits.talk * self.interpreter.rate) - self.received

    def _too_long(self) -> Refused:
        return Refused(TOO_LONG, f"stream: expected at most {self.limits.talk:g} s of sound. Begin a new one.")

    async def _queue(self, pcm: bytes) -> None:
        self.queued += len(pcm) // SAMPLE_BYTES
        await self._inbox.put(pcm)

    async def _interpret(self) -> None:
        """Hears what comes, until the last of it is translated; what goes wrong is told to the client."""
        loop, last = asyncio.get_running_loop(), False
        try:
            while not last:
                pcm, last = await self._inbox.get(self._bytes(READ))
                self._asked = loop.time()
                answer = await loop.run_in_executor(self._thread, self.interpreter.hear, pcm, last)
                self._asked = None
                self._answer(answer)
            if self.stopped is None:
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
            "queue": round(self.waiting / rate, 3)}
        reached = [(begin, end) for queued, begin, end in self._lost if queued < self.interpreter.samples]
        if reached:
            told["lost"], self._lost = reached, self._lost[len(reached):]
        self.answers.add(json.dumps({**heard, **told}, ensure_ascii=False))

    def _bytes(self, seconds: float) -> int:
        return int(seconds * self.interpreter.rate) * SAMPLE_BYTES
