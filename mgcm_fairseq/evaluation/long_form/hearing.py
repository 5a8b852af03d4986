"""A whole talk through an agent, logged as SimulEval logs a sentence."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.languages import units
from mgcm_fairseq.data.recording import read_any
from mgcm_fairseq.evaluation.listening import listen


def hear_talk(agent: SystemAgent, wavs: Sequence[str], references: Sequence[str], index: int,
              read_ms: int) -> dict[str, Any]:
    """The log of talk `index`, in the form of SimulEval's and OmniSTEval's; the units are those of `simulate`.

    Its `elapsed` is `ready_times` of the reads, for SimulEval's, which adds all computing since the start, would grow
    without end.
    """
    unit = agent.system.writing.language.unit
    reads = [(round(seconds * SAMPLE_RATE) * 1000 / SAMPLE_RATE, units(text, unit), took_ms)
             for seconds, text, took_ms in _timed(listen(agent, read_any(Path(wavs[index])), read_ms))]
    agent.reset()
    heard_ms, written, computing = (list(column) for column in zip(*reads, strict=True)) if reads else ([], [], [])
    counts = [len(words) for words in written]
    prediction = [word for words in written for word in words]
    return {"index": index, "prediction": (" " if unit == "word" else "").join(prediction),
            "delays": _repeated(heard_ms, counts), "elapsed": _repeated(ready_times(heard_ms, computing), counts),
            "prediction_length": len(prediction), "reference": references[index], "source": [Path(wavs[index]).name],
            "source_length": max(heard_ms, default=0.0), "computing": sum(computing),
            "slowest_read": max(computing, default=0.0)}


def ready_times(heard_ms: Sequence[float], computing_ms: Sequence[float]) -> list[float]:
    """When the text of each read is there, in ms since the talk began.

    A read waits until the one before it is computed: ready_i = max(heard_i, ready_(i-1)) + computing_i.
    """
    ready, found = 0.0, []
    for heard, computing in zip(heard_ms, computing_ms, strict=True):
        ready = max(heard, ready) + computing
        found.append(ready)
    return found


def _repeated(times: Sequence[float], counts: Sequence[int]) -> list[float]:
    """Each time as often as words came then."""
    return [one for one, count in zip(times, counts, strict=True) for _ in range(count)]


def _timed(reads: Iterator[tuple[float, str]]) -> Iterator[tuple[float, str, float]]:
    """Each read with the ms that it took to come."""
    began = time.perf_counter()
    for seconds, text in reads:
        yield seconds, text, (time.perf_counter() - began) * 1000
        began = time.perf_counter()
