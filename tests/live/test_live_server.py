"""The live server: the words of the agents, whoever asks and however often the connection is lost."""

import asyncio
import json
import logging
import threading

import numpy as np
import pytest
import soundfile
import soxr
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from mgcm_fairseq.live.limits import MESSAGE
from mgcm_fairseq.live.resampling import Resampler
from tests.live.clients import closed, opened, packets, plain, rest, send, serving, text
from tests.live.conftest import RUNS


@pytest.mark.parametrize("run", RUNS)
def test_the_words_are_those_of_the_agent(runs, talk, expected, run):
    async def scenario():
        async with serving(runs) as (uri, _):
            return await plain(uri, talk, run=run, sample_rate=16_000, source_lang="en", target_lang="de",
                               metrics_metadata={"wav_name": "a.wav"})

    answers = asyncio.run(scenario())
    assert text(answers) == expected(run, talk)
    assert text(answers)
    words = [word for answer in answers for word in answer["words"]]
    assert " ".join(word["text"] for word in words) == text(answers)
    assert [answer["deleted"] for answer in answers] == [""] * len(answers)
    assert answers[-1]["heard"] == answers[-1]["sent"] == round(len(talk) / 32_000, 3)
    assert answers[-1]["queue"] == 0
    ready = [word["ready"] for word in words]
    assert ready == sorted(ready)
    assert all(word["ready"] > word["heard"] for word in words)


def test_a_client_that_says_nothing_of_its_sound_is_heard_at_16_khz(runs, talk, expected):
    async def scenario():
        async with serving(runs) as (uri, _):
            return await plain(uri, talk, 700)

    assert text(asyncio.run(scenario())) == expected(RUNS[0], talk)


def test_simulstreams_own_client_is_served(runs, talk, expected, tmp_path, caplog):
    client = pytest.importorskip("simulstream.client.wav_reader_client", reason="needs the extra `simulstream`")
    path = str(tmp_path / "talk.wav")
    soundfile.write(path, memoryview(talk).cast("h"), 16_000, subtype="PCM_16")

    async def scenario():
        async with serving(runs) as (uri, _):
            with caplog.at_level(logging.DEBUG, logger=client.LOGGER.name):
                await client.stream_wav_files(uri, [path, path], 100, "de", "en")

    asyncio.run(scenario())
    answers = [json.loads(one.message) for one in caplog.records if one.levelno == logging.DEBUG
               and one.name == client.LOGGER.name]
    last = packets(talk, 1_600)[-1][1]  # which the client sends twice (simulstream 1.0)
    assert "".join(answer.get("new", "") for answer in answers) == 2 * expected(RUNS[0], talk + last)
    assert [answer for answer in answers if "new" not in answer] == 2 * [{"end_of_processing": True}]


def test_other_rates_are_resampled_as_a_whole(runs, talk, expected):
    whole = soxr.resample(np.frombuffer(talk, "<i2").astype(np.float32) / 2**15, 16_000, 44_100)
    pcm = (whole * 2**15).round().clip(-2**15, 2**15 - 1).astype("<i2").tobytes()

    async def scenario():
        async with serving(runs) as (uri, _):
            return [await plain(uri, pcm, samples, sample_rate=44_100) for samples in (4_410, 1_001)]

    first, second = asyncio.run(scenario())
    assert text(first) == text(second)
    assert text(first)
    assert first[-1]["heard"] == round(len(pcm) / 88_200, 3)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000, 8_000])
def test_a_stream_is_resampled_bit_for_bit_however_it_is_cut(talk, rate):
    whole = Resampler(rate).take(talk, True)
    pieces = Resampler(rate)
    found = [pieces.take(packet, False) for _, packet in packets(talk, 1_234)]
    assert np.array_equal(np.concatenate([*found, pieces.take(b"", True)]), whole)
    assert abs(len(whole) / 16_000 - len(talk) / 2 / rate) < 0.001


def test_two_at_once_have_the_texts_of_each_alone(runs, talk, other_talk, expected):
    async def scenario():
        async with serving(runs) as (uri, _):
            return await asyncio.gather(plain(uri, talk, run="alignatt:2"), plain(uri, other_talk, run="wait-k:1"))

    first, second = asyncio.run(scenario())
    assert text(first) == expected("alignatt:2", talk)
    assert text(second) == expected("wait-k:1", other_talk)


def test_segments_end_where_the_whole_recording_has_them(runs, talk):
    import torch

    from mgcm_fairseq.modules.streaming import speech_stream

    async def scenario():
        async with serving(runs) as (uri, _):
            return [await plain(uri, talk, run=run) for run in ("wait-segment:1", "alignatt:2")]

    encoder = runs.system.network.encoder
    stream = speech_stream(encoder)
    with torch.inference_mode():
        stream.extend(torch.tensor(np.frombuffer(talk, "<i2").astype(np.float32) / 2**15), True)
    frames = stream.decided.boundaries[0].nonzero().flatten()
    ends = [round((frame + 1) * encoder.frame_samples / 16_000, 3) for frame in frames.tolist()]
    assert len(ends) > 5
    for answers in asyncio.run(scenario()):
        assert [end for answer in answers for end in answer["segments"]] == ends


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
            await asyncio.sleep(0.05)
            assert not server.streams.sessions
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
    assert text(answers) == expected(RUNS[0], talk[:32_000] + bytes(16_000) + talk[48_000:])


def test_a_stream_is_kept_for_a_while_and_no_longer(runs, talk):
    async def scenario():
        async with serving(runs, kept=0.05) as (uri, server):
            socket, hello = await opened(uri)
            await send(socket, packets(talk, 1_600)[:3])
            socket.transport.abort()
            await asyncio.sleep(0.3)
            assert not server.streams.sessions
            late = await connect(uri)
            await late.send(json.dumps({"protocol": 1, "stream": hello["stream"]}))
            assert (await closed(late))[0] == 4004
            far, _ = await opened(uri)
            await send(far, [(1_000, bytes(200))])
            assert (await closed(far))[0] == 4004

    asyncio.run(scenario())


def test_a_full_queue_makes_the_client_wait_and_drops_nothing(runs, talk, expected):
    async def scenario():
        async with serving(runs, queue=0.5) as (uri, server):
            open_gate = threading.Event()
            socket, hello = await opened(uri)
            session = server.streams.sessions[hello["stream"]]
            session._thread.submit(open_gate.wait)  # the agent is slow
            sending = asyncio.create_task(send(socket, packets(talk, 1_600)))
            await asyncio.sleep(0.3)
            waiting = session.received
            open_gate.set()
            await sending
            await socket.send(json.dumps({"end_of_stream": True}))
            return waiting, await rest(socket)

    waiting, answers = asyncio.run(scenario())
    assert 8_000 <= waiting <= 8_000 + 2 * 5_120 + 1_600
    assert max(answer["queue"] for answer in answers) > 0.4
    assert text(answers) == expected(RUNS[0], talk)


@pytest.mark.parametrize(("limits", "run", "code", "said"), [
    ({"idle": 0.1}, "wait-k:1", 4001, "nothing came for 0.1 s"),
    ({"talk": 0.5}, "wait-k:1", 4002, "expected at most 0.5 s of sound"),
    ({"sentence": 0.6}, "offline:1", 4002, "expected at most 0.6 s of sound"),
])
def test_idle_and_long_streams_are_closed(runs, talk, limits, run, code, said):
    async def scenario():
        async with serving(runs, **limits) as (uri, server):
            socket, _ = await opened(uri, run=run)
            await send(socket, packets(talk, 1_600)[:8])
            found = await closed(socket)
            await asyncio.sleep(0.05)
            assert not server.streams.sessions
            return found

    found, reason, last = asyncio.run(scenario())
    assert found == code
    assert said in reason
    assert last == {"error": reason, "code": code}


def test_one_stream_too_many_is_refused_until_another_is_over(runs, talk, expected):
    async def scenario():
        async with serving(runs, streams=1) as (uri, _):
            socket, _ = await opened(uri)
            third = await connect(uri)
            await third.send(talk[:3_200])
            assert (await closed(third))[0] == 1013
            await socket.close()
            await asyncio.sleep(0.05)
            return await plain(uri, talk)

    assert text(asyncio.run(scenario())) == expected(RUNS[0], talk)


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
            await asyncio.sleep(0.02)
            assert not server.streams.sessions
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
            async with asyncio.timeout(10):
                while server.streams.sessions:  # another stream may have its place
                    await asyncio.sleep(0.01)
            return found

    code, _, last = asyncio.run(scenario())
    assert code == 1011
    assert "the agent failed: AttributeError" in last["error"]


@pytest.mark.parametrize("headers", [
    {"Origin": "http://evil.example"}, {"Origin": "http://127.0.0.1:1"}, {"Origin": "null"}, {"Host": "evil.example"},
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
