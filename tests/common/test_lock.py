"""One process at a time in a folder."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.lock import await_helpers, join_in, locked

REPOSITORY = Path(__file__).parents[2]
HELPER = ("import sys; from pathlib import Path; from mgcm_fairseq.common.lock import join_in; "
          "join_in(Path(sys.argv[1]), 'training'); print('marked', flush=True); sys.stdin.read()")


def test_a_second_one_is_refused_until_the_first_ends(tmp_path):
    folder = tmp_path / "new"
    with locked(folder, "training"), pytest.raises(InputError, match="expected no other training at work here"), \
            locked(folder, "training"):
        pass
    with locked(folder, "training"), locked(folder, "evaluation"):
        pass


def test_a_child_that_inherits_the_file_holds_the_lock(tmp_path):
    with locked(tmp_path, "training") as file:
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[file.fileno()])
    with pytest.raises(InputError, match=r"one that holds \.training\.lock"), locked(tmp_path, "training"):
        pass
    child.communicate()
    with locked(tmp_path, "training"):
        pass


def test_helpers_are_awaited_and_the_wait_is_said(tmp_path, capsys):
    await_helpers(tmp_path, "training")
    assert capsys.readouterr().out == ""
    with subprocess.Popen([sys.executable, "-c", HELPER, tmp_path], cwd=REPOSITORY, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as helper:
        assert helper.stdout.readline() == "marked\n"
        command = "from mgcm_fairseq.common.lock import await_helpers; import sys; from pathlib import Path; " \
                  "await_helpers(Path(sys.argv[1]), 'training'); print('free')"
        with subprocess.Popen([sys.executable, "-c", command, tmp_path], cwd=REPOSITORY, stdout=subprocess.PIPE,
                              text=True) as waiting:
            assert waiting.stdout.readline() == (
                f"waiting for processes of an earlier training in {tmp_path} to end: they hold .training.processes\n")
            helper.stdin.close()
            assert waiting.stdout.read() == "free\n"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
@pytest.mark.parametrize("work", [lambda folder: locked(folder, "training").__enter__(),
                                  lambda folder: join_in(folder, "training"),
                                  lambda folder: await_helpers(folder, "training")])
def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch, number, work):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(InputError, match=r"expected a file system whose files can be locked, found .* mount this"):
        work(tmp_path)
