"""Runs command lines of Python, each in a fork of this process: python -m tests.warm.server ADDRESS

It ends with its standard input. A command whose client is killed is killed.
"""

import atexit
import gc
import importlib
import os
import select
import signal
import socket
import sys
import warnings
from contextlib import suppress
from multiprocessing.spawn import set_executable
from pathlib import Path

from tests.warm import command
from tests.warm.command import Command

IMPORTED = ["matplotlib.figure", "pandas", "torch", "torch._dynamo", "sentencepiece", "sacrebleu", "simuleval.agents",
            "omegaconf", "fairseq.checkpoint_utils", "fairseq.trainer", "fairseq.sequence_generator"]


def read(connection: socket.socket) -> Command:
    """What python.py sends."""
    size, files, _, _ = socket.recv_fds(connection, 8, 250)
    expected, message = int.from_bytes(size, "big"), b""
    while len(message) < expected and (part := connection.recv(expected - len(message))):
        message += part
    if not message or len(message) < expected:
        raise ConnectionError("the client was killed")
    numbers, ignored, folder, count, *rest = message.split(b"\0")
    return Command(folder=os.fsdecode(folder), words=[os.fsdecode(word) for word in rest[:int(count)]],
                   environment=dict(os.fsdecode(pair).split("=", 1) for pair in rest[int(count):]),
                   files=dict(zip(map(int, numbers.split()), files, strict=True)), ignored=[*map(int, ignored.split())])


def handle(connection: socket.socket) -> None:
    """Runs one command in a fork, and says how it ended."""
    asked = read(connection)
    pid = os.fork()
    if pid == 0:
        connection.close()
        os._exit(asked.status())
    for file in asked.files.values():
        os.close(file)
    finished = os.pidfd_open(pid)
    try:
        connection.sendall(pid.to_bytes(8, "big"))
        select.select([finished, connection], [], [])
        if not select.select([finished], [], [], 0)[0]:
            raise ConnectionError("the client was killed")
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        connection.sendall(status.to_bytes(8, "big", signed=True))
    except OSError:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(finished, signal.SIGKILL)


def serve(address: str) -> None:
    """Until its standard input ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in IMPORTED:
            importlib.import_module(name)
    command.note_what_imports_set()
    set_executable(str(Path(address).with_name("python")))  # so that processes which a command starts are warm, too
    gc.freeze()  # or each fork would copy what its collections touch
    atexit._clear()  # a fork runs what it registers itself
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(16)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [])
        if sys.stdin in ready:
            os._exit(0)
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            with suppress(ConnectionError):
                handle(connection)
            os._exit(0)
        connection.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: the tests end this process
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no process waits for those that handle a command
    serve(sys.argv[1])
