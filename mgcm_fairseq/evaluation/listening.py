"""Feeds an agent with a recording, read by read, as SimulEval does."""

from collections.abc import Iterator

import numpy as np
from simuleval.agents import SpeechToTextAgent
from simuleval.data.segments import SpeechSegment

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE


def listen(agent: SpeechToTextAgent, samples_N: np.ndarray, read_ms: int) -> Iterator[tuple[float, str]]:
    """(seconds heard, words written then, "" for none) after each read of a new sentence of (N,) samples at 16 kHz."""
    if read_ms < 1:
        raise InputError("--source-segment-size", "reads of 1 ms or more", f"{read_ms} ms", "Correct the option.")
    samples, size = samples_N.tolist(), read_ms * SAMPLE_RATE // 1000
    agent.reset()
    for end in range(size, len(samples) + size, size):
        segment = SpeechSegment(content=samples[end - size:end], sample_rate=SAMPLE_RATE, finished=end >= len(samples))
        output = agent.pushpop(segment)
        yield min(end, len(samples)) / SAMPLE_RATE, output.content or ""
