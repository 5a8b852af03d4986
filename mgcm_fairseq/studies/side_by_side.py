"""Runs the trials of a study, several at a time; what is done is skipped, what was interrupted goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock
from typing import Protocol

from mgcm_fairseq.common.installation import HOME

ATTEMPTS = "attempts.jsonl"
"""In a trial's folder: a line when its training begins, and one when that ends, with the time it took."""


class TrialError(Exception):
    """A step of a trial ended with an error; the message names its log."""


class Startable(Protocol):
    """What is done one step after the other: a trial, or the sharing plans of a seed."""

    @property
    def name(self) -> str:
        """Of the lines of progress."""

    @property
    def folder(self) -> Path:
        """Gets the output of each step."""

    def steps(self) -> Iterator[tuple[str, list[str]]]:
        """(what it does, command) of each step that is left to do, in order."""

    def environment(self, gpu: int) -> dict[str, str]:
        """For those commands."""


class SideBySide:
    """Up to `jobs` trials at a time, each a process of one thread."""

    def __init__(self, trials: Sequence[Startable], jobs: int, lock: int, gpus: int = 0) -> None:
        """Args:
            trials: in the order in which they are begun.
            jobs: at a time.
            lock: an open file that each process holds, too: it may outlive this one.
            gpus: over which the trials are spread; 0 on CPUs.
        """
        self._trials, self._jobs, self._lock, self._gpus = trials, jobs, lock, gpus
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped, self._guard = Event(), Lock()
        self._done = 0
        self._began = time.monotonic()

    def run(self) -> None:
        """Returns once all are done. Raises TrialError, or KeyboardInterrupt, when the others have been ended, too."""
        with ThreadPoolExecutor(self._jobs) as pool:
            futures = [pool.submit(self._one, trial, number) for number, trial in enumerate(self._trials)]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
            except BaseException:
                self._end()
                raise

    def _end(self) -> None:
        with self._guard:
            self._stopped.set()
            for process in self._running:
                _terminate(process)

    def _one(self, trial: Startable, number: int) -> None:
        for what, command in trial.steps():
            if self._stopped.is_set():
                return
            self._say(f"{trial.name}: {what}")
            self._step(trial, what, command, number % self._gpus if self._gpus else 0)
        if not self._stopped.is_set():
            with self._guard:
                self._done += 1
                done = self._done
            self._say(f"{trial.name}: done, {done} of {len(self._trials)}")

    def _step(self, trial: Startable, what: str, command: Sequence[str], gpu: int) -> None:
        log = trial.folder / f"{what}.out"
        began = time.monotonic()
        if what == "train":
            _note(trial.folder, {"began": round(time.time())})
        with log.open("ab") as file:
            process = subprocess.Popen(command, cwd=HOME, env=trial.environment(gpu), pass_fds=(self._lock,),
                                       stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
            with self._guard:
                self._running.add(process)
                if self._stopped.is_set():  # after this trial had looked
                    _terminate(process)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            with self._guard:
                self._running.discard(process)
        if what == "train":
            _note(trial.folder, {"cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
                                 "seconds": round(time.monotonic() - began, 1)})
        if process.returncode and not self._stopped.is_set():
            last = log.read_text("utf-8", "replace").strip().splitlines()[-1:]
            raise TrialError(f"{trial.name}: {what} ended with status {process.returncode}: {' '.join(last)[:300]} "
                              f"See {log}.")

    def _say(self, text: str) -> None:
        minutes = (time.monotonic() - self._began) / 60
        with self._guard:
            print(f"[{minutes:4.0f} min] {text}", file=sys.stderr, flush=True)


def _terminate(process: subprocess.Popen[bytes]) -> None:
    """By its number: Popen.terminate would take the status of one that has just ended, which a thread waits for."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGTERM)


def _note(folder: Path, record: dict[str, float]) -> None:
    with (folder / ATTEMPTS).open("a") as file:
        file.write(json.dumps(record) + "\n")


def taken(folder: Path, key: str) -> float | None:
    """`cpu_seconds` or `seconds` of a training over all its attempts; None where one was killed and not counted."""
    path = folder / ATTEMPTS
    records = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    counted = [record[key] for record in records if key in record]
    return sum(counted) if counted and 2 * len(counted) == len(records) else None
