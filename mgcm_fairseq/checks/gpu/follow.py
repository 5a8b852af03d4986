"""Runs a training and reads its log while it is written: when each update came, its loss, and the memory it left."""

import contextlib
import itertools
import math
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from mgcm_fairseq.checks.gpu.setting import Row
from mgcm_fairseq.common.installation import HOME

UPDATE = re.compile(r"^update \d+ .*?\bloss (\S+)")
FREE = re.compile(r"\bfree ([\d.]+) GiB")


@dataclass
class Followed:
    """A training, by the lines of its log; seconds since its start."""

    updates: list[float] = field(default_factory=list)  # when each was logged
    losses: list[float] = field(default_factory=list)
    free: list[float] = field(default_factory=list)  # GiB that the allocator had not taken at each update's peak
    lines: list[str] = field(default_factory=list)
    overflows: int = 0  # updates that the loss scale skipped
    status: int | None = None  # None: it was ended when it had done enough

    def pace(self) -> Row:
        """Updates a second of the later half, when all is warm: by the median update, and by all.

        The two differ by what single updates wait for, such as the end of an epoch, of which a small corpus has many.
        """
        late = self.updates[len(self.updates) // 2:]
        took = [after - before for before, after in itertools.pairwise(late)]
        median = statistics.median(took) if took else 0.0  # 0, too, where lines come together
        return {"updates a second": round(1 / median, 3) if median else None,
                "of all": round(len(took) / sum(took), 3) if sum(took) else None}

    def read(self, line: str, seconds: float) -> None:
        """Takes a line that came after `seconds`."""
        self.lines.append(line)
        found = UPDATE.search(line)
        if found:
            self.updates.append(seconds)
            self.losses.append(float(found[1]))
            self.free += [float(free) for free in FREE.findall(line)]
        self.overflows += "gradient overflow detected" in line

    def check(self) -> None:
        """Raises RuntimeError for a training that failed, had no update, or a loss that is not finite."""
        if self.status or not self.updates:
            raise RuntimeError(f"the training ended with status {self.status} after {len(self.updates)} updates:\n"
                               + "\n".join(self.lines[-15:]))
        if not all(map(math.isfinite, self.losses)):
            raise RuntimeError(f"expected finite losses, found {self.losses}")


def follow(command: Sequence[str], until: int | None, seconds: float) -> Followed:
    """Runs the command to its end, until it has logged so many updates, or for so many seconds."""
    began, found = time.monotonic(), Followed()
    environment = {**os.environ, "PYTHON": sys.executable, "PYTHONWARNINGS": "ignore", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=HOME, env=environment, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, start_new_session=True) as process:
        alarm = _Alarm(process, seconds)
        try:
            for line in process.stdout or ():
                found.read(line.rstrip(), time.monotonic() - began)
                if until is not None and len(found.updates) >= until:
                    break
            else:
                found.status = process.wait()
        finally:
            alarm.cancel()
            _end(process)
    if alarm.rang:
        found.status = None
    return found


class _Alarm:
    """Ends a process after so many seconds."""

    def __init__(self, process: subprocess.Popen[str], seconds: float) -> None:
        self.rang = False
        self._process = process
        self._timer = threading.Timer(max(seconds, 0), self._ring)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()

    def _ring(self) -> None:
        self.rang = True
        _end(self._process)


def _end(process: subprocess.Popen[str]) -> None:
    """With all that it has started, which holds the GPU."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
