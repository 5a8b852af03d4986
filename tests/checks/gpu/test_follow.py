"""Reading a training's log while it is written: on programs that write such logs."""

import subprocess
import sys
import time

import pytest

from mgcm_fairseq.checks.gpu.follow import Followed, follow

LINE = "update {0}  2.20/s  loss {1}  st 8.90 1%  free 1{0}.5 GiB"
ON_A_CPU = "update {0}  2.20/s  loss {1}  st 8.90 1%"


def program(lines, then=""):
    return [sys.executable, "-c", f"import sys, time\nfor line in {lines!r}:\n    print(line, flush=True)\n{then}"]


@pytest.mark.parametrize("form", [LINE, ON_A_CPU])
def test_updates_of_either_form_are_found(form):
    lines = ["plan", *(form.format(number, 50 - number) for number in range(1, 4)),
             "epoch 1 ends, update 3  2.20/s  loss 3.500"]
    found = follow(program([*lines, "gradient overflow detected, ignoring gradient"]), None, 60)
    found.check()
    assert (found.status, found.losses, found.overflows) == (0, [49.0, 48.0, 47.0], 1)
    assert found.free == ([11.5, 12.5, 13.5] if form == LINE else [])
    assert found.updates == sorted(found.updates)
    assert "plan" in found.lines


def test_it_is_ended_with_all_that_it_started(tmp_path):
    mark = f"import time; time.sleep(600)  # {tmp_path}"
    then = f"import subprocess; subprocess.Popen([sys.executable, '-c', {mark!r}])\n" \
           f"print({LINE.format(1, 5)!r}, flush=True)\ntime.sleep(600)"
    found = follow(program([], then), 1, 60)
    found.check()
    assert (found.status, len(found.updates)) == (None, 1)
    until = time.monotonic() + 20
    while mark in subprocess.run(["ps", "-ww", "-eo", "args"], text=True, capture_output=True).stdout:
        assert time.monotonic() < until, "it lives on"
        time.sleep(0.1)


def test_it_is_ended_when_its_time_is_over():
    found = follow(program([LINE.format(1, 5)], "time.sleep(600)"), None, 6)
    found.check()
    assert (found.status, found.losses) == (None, [5.0])


@pytest.mark.parametrize(("command", "message"), [
    (program([LINE.format(1, 5), "CUDA out of memory"], "sys.exit(3)"), "status 3 after 1 updates:\n.*\nCUDA out of"),
    (program(["nothing"]), "after 0 updates:\nnothing"),
    (program([LINE.format(1, "nan")]), "expected finite losses, found .nan"),
])
def test_a_training_that_went_wrong_is_an_error(command, message):
    with pytest.raises(RuntimeError, match=message):
        follow(command, None, 60).check()


def test_updates_a_second_are_those_of_the_later_half():
    late = [40.0, 40.5, 41.0, 42.5, 43.0]
    assert Followed(updates=[0.0, 30.0, 35.0, 39.0, *late]).pace() == {"updates a second": 2, "of all": 1.333}
    assert Followed(updates=[0.0]).pace() == {"updates a second": None, "of all": None}
