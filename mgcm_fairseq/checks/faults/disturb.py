"""One disturbed run of a program and the same command again, compared with a run that nothing disturbed."""

import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from mgcm_fairseq.checks.faults.fingerprint import below, difference, fingerprint, torn
from mgcm_fairseq.checks.faults.material import Material
from mgcm_fairseq.checks.faults.programs import Program
from mgcm_fairseq.checks.faults.setting import FaultsSetting, Row
from mgcm_fairseq.checks.process import Running

SETTLED = 15.0  # seconds after which nothing that a program started may live
TRIES = 20  # moments that are drawn anew where the program had ended before
TORN = 0.06  # seconds, at most, from the beginning of a file to the moment, where it is to be hit while it is written


@dataclass
class Undisturbed:
    """What a program writes, and how long it takes."""

    files: dict[str, str]
    sizes: dict[str, int]  # bytes
    seconds: float


@dataclass
class Bench:
    """Runs programs side by side with what they write undisturbed, which is found once."""

    setting: FaultsSetting
    material: Material
    known: dict[tuple[str, bool], Undisturbed] = field(default_factory=dict)

    def undisturbed(self, program: Program) -> Undisturbed:
        """Of the program; RuntimeError where it fails."""
        key = program.name, program.entry is None
        if key not in self.known:
            out = self.fresh(program.name, "undisturbed")
            began = time.monotonic()
            running = self.start(program, out)
            running.wait()
            seconds = time.monotonic() - began
            running.end()
            if running.status != 0:
                raise RuntimeError(f"{program.name} ended with status {running.status}:\n{running.text()[-2000:]}")
            sizes = {str(path): path.stat().st_size for path in out.rglob("*") if path.is_file()}
            self.known[key] = Undisturbed(fingerprint(out), sizes, seconds)
        return self.known[key]

    def fresh(self, *case: object) -> Path:
        """An empty folder."""
        out = self.setting.work.joinpath(*(str(part).replace(" ", "_") for part in case))
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        return out

    def start(self, program: Program, out: Path, before: Callable[[], None] | None = None) -> Running:
        """Begins the program; its output is added to a file beside the folder."""
        return Running(program.command(self.material, out), log_of(out), program.entry, before)

    def interrupted(self, program: Program, random: Random, number: int, group: bool, case: str) -> Row:
        """The program gets the signal at a random moment, and is run again.

        Args:
            number: the signal.
            group: whether all of its processes get it.
            case: names the folder.
        """
        self.undisturbed(program)
        for _ in range(TRIES):
            out = self.fresh(program.name, case)
            log_of(out).unlink(missing_ok=True)
            running = self.start(program, out)
            moment = self._await_moment(program, running, random, out)
            running.signal(number, group)
            ends = running.wait(SETTLED)
            if running.status != 0:
                break
        row: Row = {"signal": signal.Signals(number).name, "to": "all its processes" if group else "the program alone",
                    "seconds": round(moment, 3), "status": running.status,
                    "reached": f"{program.say(running.text())}{_partial(out)}"}
        faults = [] if ends else [f"still alive {SETTLED:.0f} s after the signal"]
        if not ends:
            running.end()
        faults += traceback(running.text())
        faults += self.again(program, out, running)
        return row | {"fault": "; ".join(faults)}

    def again(self, program: Program, out: Path, first: Running) -> list[str]:
        """Runs the same command again in the folder; returns everything that is not as though nothing had happened.

        Args:
            first: what was disturbed; some of its processes may live when the command is given again, not for long.
        """
        faults = [f"torn: {name}" for name in torn(out)]
        kept, resumes, usual = program.kept(out), program.resumes(out), self.undisturbed(program).files
        finished = program.once and fingerprint(out) == usual
        log_of(out).rename(log_of(out).with_suffix(".first.log"))
        running = self.start(program, out)
        if not running.wait():
            faults.append("hangs when it is run again")
        elif running.status and not finished:
            faults.append(f"status {running.status} when it is run again: {running.text().rstrip()[-160:]}")
        else:
            if changed := difference(usual, fingerprint(out)):
                faults.append(changed)
            if resumes not in running.text():
                faults.append(f"does not go on {resumes}")
            if lost := kept - program.kept(out):
                faults.append(f"lost or done again: {min(lost)[:80]}")
        for which in (first, running):
            if not _settled(which):
                faults.append(f"{len(which.members())} processes live on")
            which.end()
        return faults

    def _await_moment(self, program: Program, running: Running, random: Random, out: Path) -> float:
        """Waits until a moment of the run that is drawn; returns the seconds since its start.

        Every other one is a moment in time; the others follow the appearance of a file that is drawn, so that steps
        which take no time are hit as well.
        """
        began, usual = time.monotonic(), self.undisturbed(program)
        seen: set[str] = set()

        def appeared(pattern: str) -> int:
            for path in below(out, pattern):
                with suppress(FileNotFoundError):  # it has its final name by now
                    seen.add(f"{path} {path.stat().st_ino}")
            return len(seen)

        by_file = random.random() < 0.5
        if program.while_writing:
            wanted, later = random.randint(1, 6), random.uniform(0, TORN)
            running.reaches(lambda: appeared(program.while_writing) >= wanted)
        elif by_file:
            wanted, later = random.randint(1, len(usual.sizes)), random.uniform(0, TORN)
            running.reaches(lambda: appeared("*") >= wanted)
        else:
            later = random.uniform(0, usual.seconds)
        running.wait(later)
        return time.monotonic() - began


def log_of(out: Path) -> Path:
    """The output of the program that writes into the folder."""
    return out.with_name(f"{out.name}.log")


def traceback(text: str) -> list[str]:
    """That there is one, unless it is of Ctrl-C while Python still imports, where no program can catch it."""
    importing = "importlib._bootstrap" in text and said(text) == "KeyboardInterrupt"
    return [f"a traceback: {said(text)[:120]}"] if "Traceback" in text and not importing else []


def said(text: str) -> str:
    """The last line of an output, of which messages of PyTorch's may fill pages."""
    return (text.rstrip().splitlines() or [""])[-1][:300]


def _partial(out: Path) -> str:
    names = sorted({path.name for path in below(out, "*") if ".tmp" in path.name or path.suffix == ".partial"})
    return f", writing {', '.join(names[:2])}" if names else ""


def _settled(running: Running) -> bool:
    limit = time.monotonic() + SETTLED
    while running.members():
        if time.monotonic() > limit:
            return False
        time.sleep(0.01)
    return True
