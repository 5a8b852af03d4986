"""A warm Python does what a new one does."""

import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.fixtures import ENVIRONMENT, REPOSITORY
from tests.warm.start import warm_python

SHOWS = "import os, sys; print(sys.argv, sys.path[0], os.getcwd(), os.environ.get('A'), __name__, sys.warnoptions)"
LOGS = """
import logging
logging.info("not shown")
import fairseq
logging.getLogger("a").info("shown")
"""
SAYS_FIRST_WHAT_TO_LOG = """
import logging
logging.basicConfig(level="WARNING")
import fairseq
logging.getLogger("a").info("not shown")
"""


def ended(python, *words, **environment):
    done = subprocess.run([python, *words], cwd=REPOSITORY, env={**ENVIRONMENT, **environment}, input="said", text=True,
                          capture_output=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", [
    ["-c", SHOWS, "a", "--b"], ["-W", "ignore", "-c", SHOWS], ["-c", "import sys; sys.exit('no')"],
    ["-c", "import sys; sys.exit(3)"], ["-c", "import os; os.kill(os.getpid(), 9)"], ["-c", "raise KeyboardInterrupt"],
    ["-c", "import atexit; atexit.register(print, 'at the end')"], ["-c", "print(input())"], ["-c", LOGS],
    ["-c", SAYS_FIRST_WHAT_TO_LOG], ["-c", "import torch, warnings; warnings.warn('a')"],
    ["-c", "import torch; print(torch.get_num_threads())"],
    ["-c", "import sys; sys.excepthook = lambda *what: print(what[1]); raise OSError('a')"],
    ["-c", "import sys; sys.excepthook = lambda *what: sys.exit(2); raise OSError('a')"],
    ["-m", "mgcm_fairseq.commands.prepare", "--lang", "x"], ["scripts/average_checkpoints.py"], ["missing.py"], ["-V"],
])
def test_the_same_as_a_new_python(words):
    warm, new = ended(warm_python(), *words, A="B"), ended(sys.executable, *words, A="B")
    assert warm[:2] == new[:2]
    assert warm[2].splitlines()[-1:] == new[2].splitlines()[-1:]  # above it a traceback may show more of its callers


@pytest.mark.parametrize("environment", [{}, {"PYTHONIOENCODING": "ascii:replace"}, {"PYTHONUTF8": "0"}])
def test_the_same_encodings(environment):
    code = "import sys; print('\u4f60', sys.stdout.encoding, sys.flags.utf8_mode)"
    assert ended(warm_python(), "-c", code, **environment) == ended(sys.executable, "-c", code, **environment)


def test_a_command_ends_with_its_client():
    code = "import time; print('begun', flush=True); time.sleep(600)"
    words = [warm_python(), "-c", code]
    with subprocess.Popen(words, cwd=REPOSITORY, env=ENVIRONMENT, stdout=subprocess.PIPE) as client:
        assert client.stdout.readline() == b"begun\n"
        client.kill()
        assert client.stdout.read() == b""  # once nobody has it open, the command neither


@pytest.mark.parametrize("seconds", [0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1])
def test_a_command_ends_with_a_client_that_has_hardly_begun(seconds):
    words = [warm_python(), "-c", "import time; time.sleep(600)"]
    for number in (signal.SIGKILL, signal.SIGTERM):
        with subprocess.Popen(words, cwd=REPOSITORY, env=ENVIRONMENT, stdout=subprocess.PIPE) as client:
            time.sleep(seconds)
            client.send_signal(number)
            assert client.stdout.read() == b""


def test_a_command_whose_server_is_gone_has_failed(tmp_path):
    client = [sys.executable, "-IS", REPOSITORY / "tests" / "warm" / "python.py", tmp_path / "server", "-c", "pass"]
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "server"))
        server.listen()
        with subprocess.Popen(client, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = server.accept()
            connection.recv(int.from_bytes(connection.recv(8), "big"), socket.MSG_WAITALL)
            connection.close()
            assert "its server ended" in process.communicate()[1]
        assert process.returncode == 1


SPAWNS = """
import multiprocessing, os, sys, time

def square(number):
    return number ** 2, "torch" in sys.modules

def sleep(pipe):
    pipe.send("begun")
    time.sleep(600)

if __name__ == "__main__":
    method = sys.argv[1]
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        print(pool.map(square, range(4)))
    here, there = context.Pipe()
    process = context.Process(target=sleep, args=(there,))
    process.start()
    print(here.recv())
    process.kill()
    process.join()
    print(process.exitcode)
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_processes_that_a_command_starts_are_warm(tmp_path, method):
    (tmp_path / "spawns.py").write_text(SPAWNS)
    status, said, errors = ended(warm_python(), tmp_path / "spawns.py", method)
    assert status == 0, errors
    assert said == f"{[(number ** 2, True) for number in range(4)]}\nbegun\n-9\n"


def test_a_command_may_ignore_signals():
    code = "import signal; print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)"
    for python in (warm_python(), sys.executable):
        done = subprocess.run(["sh", "-c", f"trap '' INT; exec {python} -c '{code}'"], cwd=REPOSITORY, env=ENVIRONMENT,
                              text=True, capture_output=True)
        assert done.stdout == "True\n"


FORK_SERVER = """
import multiprocessing, multiprocessing.spawn
from tests.warm.start import warm_python
multiprocessing.spawn.set_executable(warm_python())
process = multiprocessing.get_context("forkserver").Process(target=len, args=("a",))
process.start()
process.join()
print(process.exitcode)
"""  # whose fork server runs as long as this does


def test_the_owner_of_a_server_ends_though_a_command_still_runs():
    done = subprocess.run([sys.executable, "-c", FORK_SERVER], cwd=REPOSITORY, env=ENVIRONMENT, text=True,
                          capture_output=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
