"""Ctrl-C and SIGTERM: a line and a status, children that never hear of it, and handlers that are put back."""

import os
import signal
import subprocess
import sys

import pytest

from mgcm_fairseq.common.stopping import SAID, STATUS, children_deaf_to_interrupts, sigterm_as_ctrl_c, stoppable

HEARS = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"


@pytest.fixture(autouse=True)
def heard():
    """Tests that a shell runs in the background begin deaf to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_program_that_is_stopped_says_so(capsys):
    @stoppable
    def main():
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == STATUS
    assert capsys.readouterr().err == f"{SAID}\n"


def test_what_a_program_returns_and_raises_stays():
    assert stoppable(lambda value: value + 1)(2) == 3
    with pytest.raises(ZeroDivisionError):
        stoppable(lambda: 1 / 0)()


def test_only_children_that_are_started_meanwhile_are_deaf():
    def child():
        return subprocess.run([sys.executable, "-c", HEARS], capture_output=True, text=True, check=True).stdout.strip()

    assert child() == "True"
    with children_deaf_to_interrupts():
        assert child() == "False"
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_sigterm_is_ctrl_c_for_a_while():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), sigterm_as_ctrl_c():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
