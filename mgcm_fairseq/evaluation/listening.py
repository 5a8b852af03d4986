"""Feeds an agent with a recording, read by read, as SimulEval does."""

from collections.abc import Iterable, Iterator

import numpy as np
from simuleval.agents import SpeechToTextAgent
from simuleval.data.segments import SpeechSegment

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE


def listen(agent: SpeechToTextAgent, samples_N: np.ndarray, read_ms: int) -> Iterator[tuple[float, str]]:
    """(seconds heard, words written then, "" for none) after each read of a new sentence of (N,) samples at 16 kHz."""
    return listen_on(agent, [samples_N], read_ms)


def listen_on(agent: SpeechToTextAgent, parts: Iterable[np.ndarray], read_ms: int) -> Iterator[tuple[float, str]]:
    """The same of speech that comes in parts of any size.

    A read waits for the first sample behind it, so that the agent is told with the last one that it is the last.
    """
    if read_ms < 1:
        raise InputError("--source-segment-size", "reads of 1 ms or more", f"{read_ms} ms", "Correct the option.")
    size, heard, waiting = read_ms * SAMPLE_RATE // 1000, 0, np.zeros(0, np.float32)
    agent.reset()
    for part in parts:
        waiting = np.concatenate([waiting, part])
        while len(waiting) > size:
            read, waiting = waiting[:size], waiting[size:]
            heard += size
            yield heard / SAMPLE_RATE, _hear(agent, read, False)
    if len(waiting):
        yield (heard + len(waiting)) / SAMPLE_RATE, _hear(agent, waiting, True)


def _hear(agent: SpeechToTextAgent, samples_N: np.ndarray, finished: bool) -> str:
    read = SpeechSegment(content=samples_N.tolist(), sample_rate=SAMPLE_RATE, finished=finished)
    return agent.pushpop(read).content or ""
