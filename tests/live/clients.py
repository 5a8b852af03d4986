"""Programs that speak with a live server: one like simulstream's, and one that may lose its connection."""

import asyncio
import contextlib
import json
import threading

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from mgcm_fairseq.live.limits import StreamLimits
from mgcm_fairseq.live.protocol import HEADER
from mgcm_fairseq.live.server import LiveServer


@contextlib.asynccontextmanager
async def serving(runs, **limits):
    """A server of these runs on a free port: its address, and the server."""
    server = LiveServer(runs, StreamLimits(**{"idle": 10, "beat": 600, **limits}))
    async with await server.listen(0) as listening:
        yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/", server
        for session in list(server.streams.sessions.values()):
            server.streams.drop(session)


@contextlib.contextmanager
def stalled(session):
    """Its agent does nothing more, until this is left."""
    gate = threading.Event()
    session._thread.submit(gate.wait)
    try:
        yield
    finally:
        gate.set()


def packets(pcm, samples):
    """(number of the first sample, bytes) of packets of so many samples."""
    return [(start // 2, pcm[start:start + 2 * samples]) for start in range(0, len(pcm), 2 * samples)]


async def plain(uri, pcm, samples=1_600, **settings):
    """All answers to a client that sends everything before it reads, as simulstream's does."""
    async with connect(uri) as socket:
        if settings:
            await socket.send(json.dumps(settings))
        for _, packet in packets(pcm, samples):
            await socket.send(packet)
        await socket.send(json.dumps({"end_of_stream": True}))
        return await rest(socket)


async def rest(socket):
    """The answers up to the end of the stream."""
    answers = []
    async for message in socket:
        answer = json.loads(message)
        if answer.get("end_of_processing"):
            return answers
        answers.append(answer)
    raise AssertionError(f"closed with {socket.close_code} {socket.close_reason} after {answers[-1:]}")


async def opened(uri, **settings):
    """A numbered stream: its connection, and what the server says first."""
    socket = await connect(uri)
    await socket.send(json.dumps({"protocol": 1, **settings}))
    return socket, json.loads(await socket.recv())


async def send(socket, numbered_packets, answers=0):
    for first, packet in numbered_packets:
        await socket.send(HEADER.pack(first, answers) + packet)


async def until_closed(socket):
    """All messages, up to a close of any code."""
    with contextlib.suppress(ConnectionClosed):
        async for message in socket:
            yield message


async def closed(socket):
    """The code and the reason of a close, and the last message before it."""
    last = None
    async for message in until_closed(socket):
        last = json.loads(message)
    return socket.close_code, socket.close_reason, last


async def gone(server):
    """Returns once no stream is left: a server hears that a connection is over a little later than its client."""
    async with asyncio.timeout(20):
        while server.streams.sessions:
            await asyncio.sleep(0.01)


def text(answers):
    return "".join(answer["new"] for answer in answers)
