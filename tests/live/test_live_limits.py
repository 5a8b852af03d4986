"""What the live server gives to a stream, and what it says where that is used up."""

import asyncio
import contextlib
import json
import socket

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from mgcm_fairseq.live.limits import StreamLimits
from mgcm_fairseq.live.server import LiveServer
from tests.live.clients import closed, gone, opened, packets, plain, rest, send, serving, stalled, text, until_closed
from tests.live.conftest import RUNS


def test_a_full_queue_makes_the_client_wait_and_drops_nothing(runs, talk, expected):
    async def scenario():
        async with serving(runs, queue=0.5) as (uri, server):
            socket, hello = await opened(uri)
            session = server.streams.sessions[hello["stream"]]
            with stalled(session):
                sending = asyncio.create_task(send(socket, packets(talk, 1_600)))
                async with asyncio.timeout(20):
                    while session.received < 8_000:
                        await asyncio.sleep(0.01)
                await asyncio.sleep(0.3)
                waiting = session.received
            await sending
            await socket.send(json.dumps({"end_of_stream": True}))
            return waiting, await rest(socket)

    waiting, answers = asyncio.run(scenario())
    assert 8_000 <= waiting <= 8_000 + 2 * 5_120 + 1_600
    assert max(answer["queue"] for answer in answers) > 0.4
    assert text(answers) == expected(RUNS[0], talk)


def test_a_client_that_waits_for_a_slow_agent_hears_that_it_is_at_work_and_is_not_idle(runs, talk, expected):
    async def scenario():
        async with serving(runs, beat=0.05, idle=0.5) as (uri, server):
            socket, hello = await opened(uri)
            said = []
            with stalled(server.streams.sessions[hello["stream"]]):
                await send(socket, packets(talk, 1_600))
                async with asyncio.timeout(20):
                    while not said or said[-1]["at_work"] <= 0.5:
                        said.append(json.loads(await socket.recv()))
            await socket.send(json.dumps({"end_of_stream": True}))
            return said, await rest(socket)

    said, answers = asyncio.run(scenario())
    assert [list(one) for one in said] == [["at_work"]] * len(said)
    times = [one["at_work"] for one in said]
    assert times == sorted(times)
    assert text([one for one in answers if "new" in one]) == expected(RUNS[0], talk)


@pytest.mark.parametrize(("limits", "run", "code", "said"), [
    ({"idle": 0.5}, "wait-k:1", 4001, "nothing came for 0.5 s"),
    ({"talk": 0.5}, "wait-k:1", 4002, "expected at most 0.5 s of sound"),
    ({"talk": 0.6}, "offline:1", 4002, "expected at most 0.6 s of sound"),
])
def test_idle_and_long_streams_are_closed(runs, talk, limits, run, code, said):
    async def scenario():
        async with serving(runs, **limits) as (uri, server):
            socket, _ = await opened(uri, run=run)
            await send(socket, packets(talk, 1_600)[:8])
            found = await closed(socket)
            await gone(server)
            return found

    found, reason, last = asyncio.run(scenario())
    assert found == code
    assert said in reason
    assert last == {"error": reason, "code": code}


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("run", RUNS)
def test_what_came_before_the_limit_of_length_is_translated_to_its_end(runs, talk, expected, run, numbered):
    async def scenario():
        async with serving(runs, talk=0.75, beat=600) as (uri, server):
            if numbered:
                socket, _ = await opened(uri, run=run)
                await send(socket, packets(talk, 1_600)[:12])
            else:
                socket = await connect(uri)
                await socket.send(json.dumps({"run": run}))
                for _, packet in packets(talk, 1_600)[:12]:
                    await socket.send(packet)
            messages = [json.loads(message) async for message in until_closed(socket)]
            await gone(server)
            return messages, socket.close_code

    (*answers, last), code = asyncio.run(scenario())
    assert (last["code"], code) == (4002, 4002)
    assert answers[-1]["received"] == 12_000, "0.75 s"
    assert text(answers) == expected(run, talk[:24_000]) != ""


def test_a_client_that_falls_silent_gets_its_open_sentence(runs, talk, expected):
    async def scenario():
        async with serving(runs, idle=1) as (uri, _):
            socket, _ = await opened(uri, run="offline:1")
            await send(socket, packets(talk, 1_600)[:12])
            return [json.loads(message) async for message in until_closed(socket)]

    *answers, last = asyncio.run(scenario())
    assert last == {"error": "nothing came for 1 s", "code": 4001}
    assert text(answers) == expected("offline:1", talk[:2 * 1_600 * 12]) != ""


def test_a_stream_at_its_limit_survives_the_loss_of_its_connection(runs, talk, expected):
    async def scenario():
        async with serving(runs, talk=0.75) as (uri, server):
            socket, hello = await opened(uri)
            session = server.streams.sessions[hello["stream"]]
            with stalled(session):
                await send(socket, packets(talk, 1_600)[:12])
                while session.stopped is None:
                    await asyncio.sleep(0.01)
                socket.transport.abort()
            while not session.answers.complete:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            socket, _ = await opened(uri, stream=hello["stream"])
            messages = [json.loads(message) async for message in until_closed(socket)]
            await gone(server)
            return messages

    *answers, last = asyncio.run(scenario())
    assert last["code"] == 4002
    assert text(answers) == expected(RUNS[0], talk[:24_000])


def test_an_end_behind_the_limit_of_length_is_told(runs, talk, expected):
    async def scenario():
        async with serving(runs, talk=0.75) as (uri, _):
            socket, _ = await opened(uri)
            await send(socket, packets(talk, 1_600)[:4])
            await socket.send(json.dumps({"end_of_stream": True, "samples": 2**31}))
            return [json.loads(message) async for message in until_closed(socket)]

    *answers, last = asyncio.run(scenario())
    assert last["code"] == 4002
    assert [one["lost"] for one in answers if "lost" in one] == [[[0.4, 0.75]]]


def test_sound_that_never_came_ends_at_the_limit_of_length_too(runs, talk):
    async def scenario():
        async with serving(runs, talk=0.75) as (uri, _):
            socket, _ = await opened(uri)
            [_, (_, packet)] = packets(talk, 1_600)[:2]
            await send(socket, [(2**31, packet)])
            return [json.loads(message) async for message in until_closed(socket)]

    *answers, last = asyncio.run(scenario())
    assert last["code"] == 4002
    assert [one["lost"] for one in answers if "lost" in one] == [[[0, 0.75]]]


def test_one_stream_too_many_is_refused_until_another_is_over(runs, talk, expected):
    async def scenario():
        async with serving(runs, streams=1) as (uri, server):
            socket, _ = await opened(uri)
            third = await connect(uri)
            await third.send(talk[:3_200])
            assert (await closed(third))[0] == 1013
            await socket.close()
            await gone(server)
            return await plain(uri, talk)

    assert text(asyncio.run(scenario())) == expected(RUNS[0], talk)


def test_a_client_that_reads_no_answer_leaves_its_stream_to_others(runs, talk):
    async def scenario():
        server = LiveServer(runs, StreamLimits(idle=0.5, beat=600, queue=1_000))
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        async with await server.listen(0) as listening:
            listening.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)  # which connections inherit
            deaf.connect(listening.sockets[0].getsockname())
            deaf.setblocking(False)
            uri = "ws://127.0.0.1:{1}/".format(*listening.sockets[0].getsockname())
            client = await connect(uri, sock=deaf, max_queue=1)
            first, *others = packets(12 * talk, 1_600)
            async with asyncio.timeout(60):
                await client.send(first[1])
                while not server.streams.sessions:
                    await asyncio.sleep(0.01)
                [session] = server.streams.sessions.values()
                with contextlib.suppress(ConnectionClosed):
                    for _, packet in others:
                        await client.send(packet)
                    await client.send(json.dumps({"end_of_stream": True}))
                while server.streams.sessions:
                    await asyncio.sleep(0.05)
            client.transport.abort()
            return session.answers

    answers = asyncio.run(scenario())
    assert 0 < answers.first < answers.count, "it had room for all"
