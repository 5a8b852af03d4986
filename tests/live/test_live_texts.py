"""The words that a live server sends are those of its agents, whoever asks and at whatever rate."""

import asyncio
import json
import logging

import numpy as np
import pytest
import soundfile
import soxr
import torch

from mgcm_fairseq.decoding.cut_talk import CutTalk
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.live.resampling import Resampler
from mgcm_fairseq.live.runs import Runs
from mgcm_fairseq.modules.streaming import speech_stream
from tests.live.clients import packets, plain, serving, text
from tests.live.conftest import RUNS
from tests.short_segments import in_short_segments

OF_SEGMENTS = [run for run in RUNS if not run.startswith("offline")]


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


def test_a_client_that_says_how_many_answers_it_has_of_no_stream_gets_all(runs, talk, expected):
    async def scenario():
        async with serving(runs) as (uri, _):
            return await plain(uri, talk, run=RUNS[1], answers=7)

    assert text(asyncio.run(scenario())) == expected(RUNS[1], talk)


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
    parts = Resampler(rate)
    found = [parts.take(packet, False) for _, packet in packets(talk, 1_234)]
    assert np.array_equal(np.concatenate([*found, parts.take(b"", True)]), whole)
    assert abs(len(whole) / 16_000 - len(talk) / 2 / rate) < 0.001


def test_two_at_once_have_the_texts_of_each_alone(runs, talk, other_talk, expected):
    async def scenario():
        async with serving(runs) as (uri, _):
            return await asyncio.gather(plain(uri, talk, run="alignatt:2"), plain(uri, other_talk, run="wait-k:1"))

    first, second = asyncio.run(scenario())
    assert text(first) == expected("alignatt:2", talk)
    assert text(second) == expected("wait-k:1", other_talk)


def test_segments_end_where_the_whole_recording_has_them(runs, talk):
    system = in_short_segments(load_system(runs.checkpoint, None))
    of_model = Runs([f"{run} --sentences model" for run in ("wait-segment:1", "alignatt:2")], runs.checkpoint, system)

    async def scenario():
        async with serving(of_model) as (uri, _):
            return [await plain(uri, talk, run=run) for run in of_model.names]

    encoder = system.network.encoder
    stream = speech_stream(encoder)
    with torch.inference_mode():
        stream.extend(torch.tensor(np.frombuffer(talk, "<i2").astype(np.float32) / 2**15), True)
    frames = stream.decided.boundaries[0].nonzero().flatten()
    ends = [round((frame + 1) * encoder.frame_samples / 16_000, 3) for frame in frames.tolist()]
    assert len(ends) > 5
    for answers in asyncio.run(scenario()):
        assert [end for answer in answers for end in answer["segments"]] == ends


def test_where_a_talk_is_cut_at_its_pauses_sentences_end_segments_too(runs, talk):
    async def scenario():
        async with serving(runs) as (uri, _):
            return [await plain(uri, talk, run=run) for run in (*OF_SEGMENTS, "offline:1")]

    samples = (np.frombuffer(talk, "<i2").astype(np.float32) / 2**15).tolist()
    whole = CutTalk(500, runs.system.longest)
    assert sum(over for _, over in whole.cut(samples, True)) > 1
    ends = [round(end / 16_000, 3) for end in whole.ends]
    found = list(of_each_sentence(runs.system, samples))
    *of_segments, of_sentences = ([end for answer in answers for end in answer["segments"]]
                                  for answers in asyncio.run(scenario()))
    assert of_sentences == ends
    assert len(found) > len(ends)
    assert of_segments == [sorted({*ends, *found})] * len(OF_SEGMENTS)


def of_each_sentence(system, samples):
    """Where segments of each sentence end that a talk is cut into, in seconds of the talk."""
    encoder, cut, sentence = system.network.encoder, CutTalk(500, system.longest), []
    for part, over in cut.cut(samples, True):
        sentence += part
        if over:
            stream, sentence = speech_stream(encoder), torch.tensor(sentence)
            with torch.inference_mode():
                stream.extend(sentence, True)
            ends = (cut.start + frames * encoder.frame_samples for frames in stream.decided.ends)
            yield from (round(end / 16_000, 3) for end in ends)
            sentence = []
