"""A Python for tests: server.py runs its command line, in its folder and environment, with its files."""

import os
import signal
import socket
import sys

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def answered(server: socket.socket) -> int:
    """The number that the server says next; SystemExit if it is gone."""
    answer = server.recv(8)
    if len(answer) < 8:
        sys.exit("a warm Python: its server ended before the command did")
    return int.from_bytes(answer, "big", signed=True)


def main(address: str, words: list[str]) -> int:
    """The exit status of `python WORDS` as the server at this address runs it; negative for a signal's number."""
    files = [int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        ignored = [number for number in SIGNALS if signal.getsignal(number) == signal.SIG_IGN]
        numbers = b" ".join(b"%d" % number for number in files)
        parts = [numbers, b" ".join(b"%d" % number for number in ignored), os.fsencode(os.getcwd()), b"%d" % len(words),
                 *map(os.fsencode, words), *(b"%b=%b" % pair for pair in os.environb.items())]
        message = b"\0".join(parts)
        socket.send_fds(server, [len(message).to_bytes(8, "big")], files)
        server.sendall(message)
        pid = answered(server)
        for number in set(SIGNALS) - set(ignored):
            signal.signal(number, lambda number, _: os.kill(pid, number))
        for file in files[3:]:  # pipes that are to end with the command
            os.close(file)
        return answered(server)


if __name__ == "__main__":
    status = main(sys.argv[1], sys.argv[2:])
    if status < 0:  # ended by a signal: so does this process
        if status != -signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)
