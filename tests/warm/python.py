"""A Python for tests: server.py runs its command line, in its folder and environment, with its files."""

import os
import signal
import socket
import sys

WORDS = b"\0"


def main(address: str) -> int:
    """The exit status of `python ARGUMENTS` as the server at this address runs it; negative for a signal's number."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        environment = [b"%b=%b" % pair for pair in os.environb.items()]
        words = [os.fsencode(word) for word in sys.argv[1:]]
        message = WORDS.join([os.fsencode(os.getcwd()), str(len(words)).encode(), *words, *environment])
        socket.send_fds(server, [len(message).to_bytes(8, "big")], [0, 1, 2])
        server.sendall(message)
        pid = int.from_bytes(server.recv(8), "big")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: os.kill(pid, number))
        return int.from_bytes(server.recv(8), "big", signed=True)


if __name__ == "__main__":
    status = main(sys.argv.pop(1))
    if status < 0:  # ended by a signal: so does this process
        if status != -signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)
