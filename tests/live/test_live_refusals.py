"""Whom and what the live server refuses, and what it says then."""

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from mgcm_fairseq.live.limits import MESSAGE
from tests.live.clients import closed, gone, opened, packets, send, serving


@pytest.mark.parametrize(("messages", "code", "said"), [
    ([bytes(101)], 1003, "expected whole samples of int16, found 101 bytes"),
    ([bytes(MESSAGE + 2)], 1009, ""),
    (['{"sample_rate": '], 1007, "expected a JSON object"),
    (["[1]"], 1007, "expected a JSON object, found '[1]'"),
    (["[" * 60_000], 1007, "expected a JSON object"),
    (['{"sample_rate": 0}'], 1008, "sample_rate: expected 8000 to 192000, found '0'"),
    (['{"sample_rate": true}'], 1008, "sample_rate: expected 8000 to 192000, found 'true'"),
    (['{"target_lang": "fr"}'], 1008, "target_lang: expected de, found 'fr'"),
    (['{"run": "wait-k:9"}', bytes(2)], 1008, "run: expected one of wait-segment:1"),
    (['{"run": 3}'], 1008, "run: expected text, found '3'"),
    (['{"protocol": 2}'], 1008, "protocol: expected 1, found '2'"),
    (['{"protocol": 1, "stream": "x"}'], 4004, "this stream is not known"),
    (['{"protocol": 1}', bytes(6)], 1003, "packet: expected 8 bytes of numbers, found 6 in all"),
    ([bytes(2), '{"sample_rate": 8000}'], 1008, "before any sound"),
])
def test_what_is_wrong_is_refused_with_a_message(runs, messages, code, said):
    async def scenario():
        async with serving(runs) as (uri, server):
            socket = await connect(uri)
            for message in messages:
                await socket.send(message)
            found = await closed(socket)
            await gone(server)
            return found

    found, reason, last = asyncio.run(scenario())
    assert found == code
    assert said in (last or {"error": reason})["error"]
    assert reason.startswith((last or {"error": reason})["error"][:100])


@pytest.mark.parametrize(("queue", "count"), [(10, 2), (0.2, 40)])  # seconds: room for all, and a client that waits
def test_an_agent_that_fails_ends_the_stream_with_its_error(runs, talk, queue, count):
    async def scenario():
        async with serving(runs, queue=queue) as (uri, server):
            socket, hello = await opened(uri)
            server.streams.sessions[hello["stream"]].interpreter.agent = None
            await send(socket, (packets(talk, 1_600) * 2)[:count])
            found = await closed(socket)
            await gone(server)  # another stream may begin
            return found

    code, _, last = asyncio.run(scenario())
    assert code == 1011
    assert "the agent failed: AttributeError" in last["error"]


@pytest.mark.parametrize("headers", [
    {"Origin": "http://evil.example"}, {"Origin": "http://127.0.0.1:1"}, {"Origin": "null"}, {"Host": "evil.example"},
    {"Host": "[::1"},
])
def test_pages_from_elsewhere_are_forbidden(runs, headers):
    async def scenario():
        async with serving(runs) as (uri, _):
            with pytest.raises(InvalidStatus, match="403"):
                await connect(uri, **({"origin": headers["Origin"]} if "Origin" in headers
                                      else {"additional_headers": headers}))

    asyncio.run(scenario())


def test_the_own_page_is_let_in(runs, talk, expected):
    async def scenario():
        async with serving(runs) as (uri, _), connect(uri, origin=uri.replace("ws", "http")[:-1]) as socket:
            await socket.send(talk[:3_200])
            return json.loads(await socket.recv())

    assert asyncio.run(scenario())["heard"] == 0.1
