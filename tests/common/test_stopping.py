"""Ctrl-C and SIGTERM: children that never hear of it, and handlers that are put back."""

import os
import signal
import subprocess
import sys

import pytest

from mgcm_fairseq.common.stopping import children_deaf_to_interrupts, interrupts_later, sigterm_as_ctrl_c

HEARS = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"


@pytest.fixture(autouse=True)
def heard():
    """Tests that a shell runs in the background begin deaf to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_only_children_that_are_started_meanwhile_are_deaf():
    def child():
        return subprocess.run([sys.executable, "-c", HEARS], capture_output=True, text=True, check=True).stdout.strip()

    assert child() == "True"
    with children_deaf_to_interrupts():
        assert child() == "False"
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_heard_later():
    done = []

    def interrupted():
        with interrupts_later():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["all of it"]
    with interrupts_later():
        pass
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_sigterm_is_ctrl_c_for_a_while():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), sigterm_as_ctrl_c():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
