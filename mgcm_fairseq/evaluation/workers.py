"""Translates sentences in several processes, each with the checkpoint loaded once and one thread.

One thread in each, so that what is written does not depend on how many processes there are.
"""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.agents.system import System, load_system
from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.evaluation.runs import Run
from mgcm_fairseq.evaluation.simulate import simulate

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
TOGETHER = 4  # sentences that a process takes at a time

Job = tuple[Run, int]  # and the index of the sentence


@dataclass(frozen=True)
class Setting:
    """What all jobs have in common."""

    checkpoint: Path
    corpus: Path
    wavs: tuple[str, ...]
    references: tuple[str, ...]
    segment_ms: int
    dtype: str
    device: str


def translate(setting: Setting, jobs: Sequence[Job], processes: int) -> Iterator[tuple[Run, dict[str, Any]]]:
    """The log of each job, in the order in which they end.

    Raises InputError of a job, or when a process dies; what was yielded before is valid.
    """
    portions = [jobs[start:start + TOGETHER] for start in range(0, len(jobs), TOGETHER)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(portions)), context, _start, (setting,)) as pool:
        futures = [pool.submit(_portion, portion) for portion in portions]
        try:
            for future in as_completed(futures):
                yield from future.result()
        except BrokenProcessPool as error:
            raise InputError("--processes", f"{processes} processes that live to the end", "one that died",
                             "Most often memory ran out: pass fewer. Run again to go on.") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def load(setting: Setting) -> System:
    """The checkpoint where and in the precision that the setting says."""
    system = load_system(setting.checkpoint, setting.corpus)
    system.network.to(device=setting.device, dtype=DTYPES[setting.dtype])
    return system


_setting: Setting


def _start(setting: Setting) -> None:
    global _setting
    torch.set_num_threads(1)
    _setting = setting


@cache
def _system() -> System:
    return load(_setting)


@cache
def _agent(run: Run) -> SystemAgent:
    return run.agent(_setting.checkpoint, _system())


def _portion(jobs: Sequence[Job]) -> list[tuple[Run, dict[str, Any]]]:
    return [(run, simulate(_agent(run), _setting.wavs, _setting.references, index, _setting.segment_ms))
            for run, index in jobs]
