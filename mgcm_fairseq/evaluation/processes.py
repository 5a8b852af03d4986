"""Translates sentences or talks in several processes, each with the checkpoint loaded once and one thread.

One thread in each, so that what is written does not depend on how many processes there are.
"""

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.stopping import children_deaf_to_interrupts
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.decoding.system import System, load_system
from mgcm_fairseq.evaluation.listening import listen
from mgcm_fairseq.evaluation.long_form.hearing import hear_talk
from mgcm_fairseq.evaluation.runs import Run
from mgcm_fairseq.evaluation.simulate import simulate

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
TOGETHER = 4  # sentences that a process takes at a time
WARM_UP_MS = 500  # a read of the second of silence that warms an agent up

Job = tuple[Run, int]  # and the index of the sentence or talk


@dataclass(frozen=True)
class EvaluationSetting:
    """What all jobs have in common."""

    checkpoint: Path
    corpus: Path | None  # whose vocabulary is to be the checkpoint's
    wavs: tuple[str, ...]
    references: tuple[str, ...]
    read_ms: int
    dtype: str
    device: str
    talks: bool = False  # the wavs are whole talks, not sentences
    source_lang: str | None = None  # that is spoken in all of them; None for the only one that the model knows


def translate(setting: EvaluationSetting, jobs: Sequence[Job], processes: int) -> Iterator[tuple[Run, dict[str, Any]]]:
    """The log of each job, in the order in which they end.

    Raises InputError of a job, or when a process dies; what was yielded before is valid, and has all portions that were
    finished. Whatever ends it early ends the processes too.
    """
    together = 1 if setting.talks else TOGETHER
    portions = [jobs[start:start + together] for start in range(0, len(jobs), together)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(portions)), context, _start, (setting,)) as pool:
        left: set[Future[list[tuple[Run, dict[str, Any]]]]] = set()
        try:
            with children_deaf_to_interrupts():  # the parent tells
                left.update(pool.submit(_portion, portion) for portion in portions)
            for future in as_completed(tuple(left)):
                left.remove(future)
                yield from future.result()
        except (BrokenProcessPool, InputError) as error:
            for future in left:
                if future.done() and not future.exception():
                    yield from future.result()
            if isinstance(error, InputError):
                raise
            raise InputError("--processes", f"{processes} processes that live to the end", "one that died",
                             "Most often memory ran out: pass fewer. Run again to go on.") from error
        finally:
            started = list((pool._processes or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            if left:
                for process in started:
                    process.terminate()


def free_cores(device: str) -> int:
    """How many processes have a core each; on a GPU, which they would share, one."""
    return len(os.sched_getaffinity(0)) if device == "cpu" and hasattr(os, "sched_getaffinity") else 1


_setting: EvaluationSetting


def _start(setting: EvaluationSetting) -> None:
    global _setting
    torch.set_num_threads(1)
    _setting = setting
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Nobody would tell this process of its parent's death by SIGKILL."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@cache
def _system() -> System:
    system = load_system(_setting.checkpoint, _setting.corpus).hearing(_setting.source_lang)
    return system.on(_setting.device, DTYPES[_setting.dtype])


@cache
def _agent(run: Run) -> SystemAgent:
    """The agent, warm: what PyTorch does once is not the first sentence's computing time."""
    agent = run.agent(_setting.checkpoint, _system())
    for _ in listen(agent, np.zeros(SAMPLE_RATE, dtype=np.float32), WARM_UP_MS):
        pass
    agent.warm_up()
    return agent


def _portion(jobs: Sequence[Job]) -> list[tuple[Run, dict[str, Any]]]:
    hear = hear_talk if _setting.talks else simulate
    return [(run, hear(_agent(run), _setting.wavs, _setting.references, index, _setting.read_ms))
            for run, index in jobs]
