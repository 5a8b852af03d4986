"""What the wait-segment agent hears, decides and writes over one recording, step by step."""

from typing import NamedTuple

import numpy as np

from mgcm_fairseq.agents.wait_segment import WaitSegmentAgent
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.evaluation.listening import listen


class Read(NamedTuple):
    """A read, and the writes that follow it."""

    seconds: float  # of audio heard by then
    segments: int  # that have closed by then
    words: str  # written then, "" for none


class SegmentTrace(NamedTuple):
    """T encoder frames."""

    probabilities: list[float]  # (T,) of a boundary behind each frame
    boundaries: list[bool]  # (T,) decided
    frame_samples: int  # between two frames
    reads: list[Read]


def trace(agent: WaitSegmentAgent, samples_N: np.ndarray, read_ms: int) -> SegmentTrace:
    """Runs the agent over (N,) samples at 16 kHz in reads of so many ms."""
    shortest = agent.system.network.encoder.front_end.receptive_field
    if len(samples_N) < shortest:
        raise InputError("audio", f"at least {shortest} samples at 16 kHz, which make a frame", f"{len(samples_N)}",
                         "Choose a longer recording.")
    reads = [Read(seconds, agent.states.stream.segments, words)
             for seconds, words in listen(agent, samples_N, read_ms)]
    stream = agent.states.stream
    agent.reset()
    return SegmentTrace(stream.decided.logits[0].sigmoid().tolist(), stream.decided.boundaries[0].tolist(),
                        agent.system.network.encoder.frame_samples, reads)
