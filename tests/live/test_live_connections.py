"""A stream of the live server outlives its connection."""

import asyncio
import json

import pytest
from websockets.asyncio.client import connect

from tests.live.clients import closed, gone, opened, packets, plain, rest, send, serving, text
from tests.live.conftest import RUNS


def test_a_lost_connection_loses_no_sample_and_no_answer(runs, talk, expected):
    async def scenario():
        async with serving(runs) as (uri, server):
            sound, got = packets(talk, 1_600), []
            socket, hello = await opened(uri)
            for begin, end in ((0, 20), (15, 40)):  # some packets come twice
                await send(socket, sound[begin:end], len(got))
                while not got or got[-1]["received"] < (end - 5) * 1_600:
                    got.append(json.loads(await socket.recv()))
                socket.transport.abort()
                socket, again = await opened(uri, stream=hello["stream"], answers=len(got))
                assert again["stream"] == hello["stream"]
                assert got[-1]["received"] <= again["received"] <= end * 1_600
            await send(socket, sound[again["received"] // 1_600:], len(got))
            await socket.send(json.dumps({"end_of_stream": True}))
            got += await rest(socket)
            assert got[-1]["received"] == len(talk) // 2
            await socket.close()
            await gone(server)
            return got

    got = asyncio.run(scenario())
    assert [answer["answer"] for answer in got] == list(range(len(got)))
    assert text(got) == expected(RUNS[0], talk)
    assert not any("lost" in answer for answer in got)


def test_an_older_connection_gives_way(runs, talk, expected):
    async def scenario():
        async with serving(runs) as (uri, _):
            sound = packets(talk, 1_600)
            old, hello = await opened(uri)
            await send(old, sound[:10])
            new, again = await opened(uri, stream=hello["stream"])
            code, _, _ = await closed(old)
            assert code == 4000
            await send(new, sound[again["received"] // 1_600:])
            await new.send(json.dumps({"end_of_stream": True}))
            return await rest(new)

    assert text(asyncio.run(scenario())) == expected(RUNS[0], talk)


def test_sound_that_never_came_is_silence_and_is_told(runs, talk, expected):
    async def scenario():
        async with serving(runs) as (uri, _):
            sound = packets(talk, 1_600)
            socket, _ = await opened(uri)
            await send(socket, [*sound[:10], *sound[15:]])
            await socket.send(json.dumps({"end_of_stream": True}))
            return await rest(socket)

    answers = asyncio.run(scenario())
    assert [span for answer in answers for span in answer.get("lost", [])] == [[1.0, 1.5]]
    [told] = [answer for answer in answers if "lost" in answer]
    assert told["heard"] > 1 >= answers[told["answer"] - 1]["heard"]  # behind what was spoken before it
    assert text(answers) == expected(RUNS[0], talk[:32_000] + bytes(16_000) + talk[48_000:])


def test_of_a_long_gap_a_second_is_heard_and_times_go_on_behind_it(runs, talk, expected):
    heard = talk[:32_000] + bytes(32_000) + talk[96_000:]

    async def scenario():
        async with serving(runs) as (uri, _):
            sound = packets(talk, 1_600)
            socket, _ = await opened(uri)
            await send(socket, [*sound[:10], *sound[30:]])
            await socket.send(json.dumps({"end_of_stream": True, "samples": len(talk) // 2 + 80_000}))
            return await rest(socket), await plain(uri, heard + bytes(32_000))

    answers, alone = asyncio.run(scenario())
    ends = len(talk) / 32_000
    lost = [span for answer in answers for span in answer.get("lost", [])]
    assert lost == [[1.0, 3.0], [pytest.approx(ends), pytest.approx(ends + 5)]]
    assert all(answer["heard"] > begin for answer in answers for begin, _ in answer.get("lost", []))
    assert text(answers) == expected(RUNS[0], heard + bytes(32_000))
    assert answers[-1]["heard"] == answers[-1]["sent"] == round(ends + 5, 3)
    assert answers[-1]["queue"] == 0
    found, known = ([end for answer in told for end in answer["segments"]] for told in (answers, alone))
    assert found == [pytest.approx(end + (end >= 2) + 4 * (end >= ends), abs=0.002) for end in known]


def test_a_stream_is_kept_for_a_while_and_no_longer(runs, talk):
    async def scenario():
        async with serving(runs, kept=0.05) as (uri, server):
            socket, hello = await opened(uri)
            await send(socket, packets(talk, 1_600)[:3])
            socket.transport.abort()
            await gone(server)
            late = await connect(uri)
            await late.send(json.dumps({"protocol": 1, "stream": hello["stream"]}))
            assert (await closed(late))[0] == 4004

    asyncio.run(scenario())
