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

    `elapsed` counts computing time as a listener meets it: a read waits until the one before it is computed. With
    heard_i and computing_i of read i in ms, ready_i = max(heard_i, ready_(i-1)) + computing_i. (SimulEval adds all
    computing since the start, simulstream that of read i alone.)
    """
    unit = agent.system.writing.language.unit
    written: list[str] = []
    delays: list[float] = []
    elapsed: list[float] = []
    computing, heard_ms, ready_ms = [0.0], 0.0, 0.0
    for seconds, text, took_ms in _timed(listen(agent, read_any(Path(wavs[index])), read_ms)):
        heard_ms = round(seconds * SAMPLE_RATE) * 1000 / SAMPLE_RATE
        ready_ms = max(heard_ms, ready_ms) + took_ms
        words = units(text, unit)
        written += words
        delays += [heard_ms] * len(words)
        elapsed += [ready_ms] * len(words)
        computing.append(took_ms)
    agent.reset()
    return {"index": index, "prediction": (" " if unit == "word" else "").join(written), "delays": delays,
            "elapsed": elapsed, "prediction_length": len(written), "reference": references[index],
            "source": [Path(wavs[index]).name], "source_length": heard_ms, "computing": sum(computing),
            "slowest_read": max(computing)}


def _timed(reads: Iterator[tuple[float, str]]) -> Iterator[tuple[float, str, float]]:
    """Each read with the ms that it took to come."""
    began = time.perf_counter()
    for seconds, text in reads:
        yield seconds, text, (time.perf_counter() - began) * 1000
        began = time.perf_counter()
