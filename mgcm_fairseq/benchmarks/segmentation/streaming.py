"""Encoding an utterance while it is spoken: computing time by second of audio, and how often it is encoded anew."""

import statistics
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from mgcm_fairseq.benchmarks.segmentation.networks import encoder_of
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.modules.encoder import SharedEncoder
from mgcm_fairseq.modules.streaming import SpeechStream, speech_stream

HEARING = ("blocks", "bidirectional")
WARM_UP = 1.0  # s


def measure(size: str, front_end: str, block_ms: int, seconds: list[float], read_ms: int, rounds: int,
            clock: Callable[[], float], progress: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """A row for each length of utterance: noise, in reads of `read_ms`; times are medians of `rounds`.

    Args:
        size: one of SIZES.
        front_end: one of HEARING.
        block_ms: what a block of the former hears.
        seconds: lengths of utterances.
        read_ms: audio that arrives at a time.
        rounds: times that each utterance is heard.
        clock: seconds since any moment.
        progress: is told what has been done.
    """
    torch.manual_seed(0)
    encoder = encoder_of(size, {"front_end_block": block_ms if front_end == "blocks" else 0}).eval()
    _hear(encoder, WARM_UP, read_ms, clock)
    for length in seconds:
        runs = []
        for number in range(rounds):
            times, stream, frames = _hear(encoder, length, read_ms, clock)
            runs.append(times)
            progress(f"{size}, {front_end}, {length:g} s, round {number + 1} of {rounds}: {sum(times):.3g} s")
        yield {
            "size": size, "front_end": front_end, "seconds": length, "reads": len(times),
            "encodings": stream.edition, "segments": stream.segments,
            "frames_ratio": round(frames / stream.memory.states.size(1), 2),
            "ms_per_s": round(1000 * statistics.median(map(sum, runs)) / length, 2),
            "last_read_ms": round(1000 * statistics.median(times[-1] for times in runs), 2),
        }


@torch.inference_mode()
def _hear(encoder: SharedEncoder, seconds: float, read_ms: int,
          clock: Callable[[], float]) -> tuple[list[float], SpeechStream, int]:
    """Seconds of each read, the stream, and the frames that have gone through the first of the shared layers."""
    generator = torch.Generator().manual_seed(0)
    samples = 0.1 * torch.randn(round(seconds * SAMPLE_RATE), generator=generator)
    stream, times, frames = speech_stream(encoder), [], 0

    def count(layer: nn.Module, arguments: tuple[Any, ...], answer: Tensor) -> None:
        nonlocal frames
        frames += answer.size(1)

    handle = encoder.layers[0].register_forward_hook(count)
    reads = samples.split(read_ms * SAMPLE_RATE // 1000)
    for number, read in enumerate(reads, start=1):
        start = clock()
        stream.extend(read, number == len(reads))
        times.append(clock() - start)
    handle.remove()
    return times, stream, frames
