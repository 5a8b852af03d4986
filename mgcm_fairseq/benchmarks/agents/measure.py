"""Times an agent, read by read, on audio of several lengths."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from simuleval.data.segments import SpeechSegment

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.benchmarks.agents.pacing import Pacing
from mgcm_fairseq.data.audio import SAMPLE_RATE

WARM_UP = 1.0  # s


def measure(agent: SystemAgent, pacing: Pacing, seconds: Sequence[float], read_ms: int, rounds: int,
            clock: Callable[[], float], progress: Callable[[], object]) -> Iterator[dict[str, Any]]:
    """A row for each length of audio: noise, in reads of `read_ms`.

    Real-time factor, a ratio: computing time by length of audio. It and the worst read are medians of the rounds.

    Args:
        agent: on its device.
        pacing: of the agent's system.
        seconds: lengths of audio.
        read_ms: audio that arrives at a time.
        rounds: times that each audio is heard.
        clock: seconds since any moment.
        progress: is called after each read.
    """
    _hear(agent, pacing, _reads(WARM_UP, read_ms), clock, lambda: None)
    for length in seconds:
        reads = _reads(length, read_ms)
        heard = [_hear(agent, pacing, reads, clock, progress) for _ in range(rounds)]
        times = [of_round for of_round, _ in heard]
        yield {
            "seconds": length, "reads": len(reads),
            "rtf": round(statistics.median(map(sum, times)) / length, 4),
            "median_read_ms": round(1000 * statistics.median(one for of_round in times for one in of_round), 2),
            "worst_read_ms": round(1000 * statistics.median(map(max, times)), 2),
            "words": heard[0][1], "decoder_passes": pacing.passes,
        }


def count_reads(seconds: Sequence[float], read_ms: int, rounds: int) -> int:
    """How often `measure` calls `progress`."""
    return rounds * sum(len(_reads(length, read_ms)) for length in seconds)


def _reads(seconds: float, read_ms: int) -> list[SpeechSegment]:
    generator = torch.Generator().manual_seed(0)
    samples = 0.1 * torch.randn(round(seconds * SAMPLE_RATE), generator=generator)
    parts = [part.tolist() for part in samples.split(read_ms * SAMPLE_RATE // 1000)]
    return [SpeechSegment(content=part, sample_rate=SAMPLE_RATE, finished=number == len(parts))
            for number, part in enumerate(parts, start=1)]


def _hear(agent: SystemAgent, pacing: Pacing, reads: Sequence[SpeechSegment], clock: Callable[[], float],
          progress: Callable[[], object]) -> tuple[list[float], int]:
    """Seconds of each read, and the words that were written."""
    agent.reset()
    pacing.start()
    times, words, cuda = [], 0, agent.system.device.type == "cuda"
    for read in reads:
        start = clock()
        output = agent.pushpop(read)
        if cuda:
            torch.cuda.synchronize()
        times.append(clock() - start)
        words += len((output.content or "").split())
        progress()
    return times, words
