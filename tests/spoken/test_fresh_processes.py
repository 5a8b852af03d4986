"""A fresh process for each job: what they answer, what they raise, and one that is killed in mid-job."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.stopping import deaf_processes
from mgcm_fairseq.spoken.fresh_processes import in_fresh_processes

_seen: list[int] = []


def run(work, jobs, count=2):
    return list(in_fresh_processes(work, jobs, count, deaf_processes([__name__]), "job {}".format))


def _first_in_its_process(number: int) -> tuple[int, int]:
    _seen.append(number)
    return number, len(_seen)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_each_job_has_a_process_of_its_own(count):
    assert sorted(run(_first_in_its_process, range(3), count)) == [(number, 1) for number in range(3)]
    assert run(_first_in_its_process, [], count) == []


def _fails(number: int) -> None:
    raise RuntimeError("no such voice") if number else InputError("text", "words", "none", "Leave it out.")


def test_an_error_comes_back_with_where_it_was_raised():
    with pytest.raises(InputError, match=r"^text: expected words, found none\. Leave it out\.$"):
        run(_fails, [0])
    with pytest.raises(RuntimeError, match="no such voice") as raised:
        run(_fails, [1])
    assert "in _fails" in raised.value.__notes__[0]


def _killed(folder: Path, number: int) -> None:
    if number == 1:
        while not (folder / "2").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / str(number)).touch()
    if number == 2:
        time.sleep(600)
        raise AssertionError("nobody ended it")


def test_a_killed_process_is_an_error_and_no_wait_for_ever(tmp_path):
    began = time.monotonic()
    said = ("--processes: expected processes that live to the end of their work, found one that was killed by SIGKILL "
            "while it spoke job 1. Run the same command again, with fewer --processes if memory ran out; what is "
            "finished is kept.")
    with pytest.raises(InputError) as raised:
        run(partial(_killed, tmp_path), [0, 2, 1], 2)
    assert str(raised.value) == said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "2"]
    assert time.monotonic() - began < 60, "it waited for a process that was under way"
