"""Translation by several processes, one of which is killed or has a job that cannot be done."""

import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from signal import SIGTERM

import numpy as np
import pytest
import soundfile

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.evaluation import processes
from mgcm_fairseq.evaluation.processes import EvaluationSetting, translate
from mgcm_fairseq.evaluation.runs import parse_runs
from tests.deadly import Deadly


def test_a_killed_process_is_an_error_and_no_wait_for_ever():
    setting = EvaluationSetting(Path("none.pt"), None, ("one.wav",), ("Eins.",), 320, "fp32", "cpu")
    with pytest.raises(InputError, match="--processes: expected 2 processes that live to the end, found one that died"):
        list(translate(setting, [(Deadly(), index) for index in range(8)], 2))


@pytest.fixture
def pools(monkeypatch):
    """The pools that translations make, with their futures."""
    made = []

    class Recorded(ProcessPoolExecutor):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.futures = []
            made.append(self)

        def submit(self, *arguments):
            self.futures.append(super().submit(*arguments))
            self.started = list(self._processes.values())
            return self.futures[-1]

    monkeypatch.setattr(processes, "ProcessPoolExecutor", Recorded)
    return made


@pytest.fixture
def talks(tmp_path, tiny_segmenting_checkpoint):
    """A setting of a second, of a wav that is not there, of a second again, and of an hour."""
    for name, seconds in (("short", 1), ("long", 3_600)):
        soundfile.write(tmp_path / f"{name}.wav", np.random.default_rng(1).normal(0, 0.1, seconds * 16_000), 16_000)
    wavs = tuple(str(tmp_path / f"{name}.wav") for name in ("short", "none", "short", "long"))
    return EvaluationSetting(tiny_segmenting_checkpoint, None, wavs, ("Eins.",) * 4, 320, "fp32", "cpu", talks=True)


RUNS = parse_runs(["wait-k:1 --long-form --sentences pauses"])


def test_what_was_finished_beside_a_faulty_job_is_not_lost(talks, pools):
    jobs = translate(talks, [(run, index) for run in RUNS for index in range(3)], 1)
    found = [next(jobs)]
    while not all(future.done() for future in pools[0].futures):
        time.sleep(0.01)
    with pytest.raises(InputError, match=r"none\.wav: expected an audio file, found no such file"):
        found.extend(jobs)  # keeps what came before the error
    assert [record["index"] for _, record in found] == [0, 2]


def test_a_faulty_job_ends_those_that_are_at_work(talks, pools):
    with pytest.raises(InputError, match=r"none\.wav"):
        list(translate(talks, [(run, index) for run in RUNS for index in (3, 1)], 2))
    until = time.monotonic() + 60
    while None in (codes := [process.exitcode for process in pools[0].started]):  # where the pool's thread takes it
        assert time.monotonic() < until
        time.sleep(0.01)
    assert -SIGTERM in codes
