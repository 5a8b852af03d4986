"""One input given to one target: what came of it, and within which time."""

import re
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from mgcm_fairseq.checks.fuzzing.target import Files, LossError, RefusedError, Target
from mgcm_fairseq.common.errors import InputError

ACCEPTED, REFUSED = "accepted", "refused"
ASKED = (0, 2)  # with these argparse ends a program, for --help and for a line that is wrong
FAULTS = ("traceback", "silent loss", "hang", "out of memory", "crash")


@dataclass(frozen=True)
class Verdict:
    """`kind` is ACCEPTED, REFUSED or one of FAULTS; outcomes with equal `sort` have one cause, most likely."""

    kind: str
    sort: str = ""
    detail: str = ""


class Hang(BaseException):
    """The time of an input is over; no Exception, so that no reader takes it for a fault of its file."""


def write_input(folder: Path, files: Files) -> None:
    """Makes `folder` hold these files, and no others of an earlier input."""
    for path in folder.iterdir():
        if path.name not in files and path.is_file():
            path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def attempt(target: Target, folder: Path, seconds: float) -> Verdict:
    """Has the target read the input in `folder`."""
    try:
        with _within(seconds):
            target.read(folder)
    except (InputError, RefusedError) as error:
        return Verdict(REFUSED, _skeleton(str(error).replace(str(folder), "")))
    except SystemExit as error:
        return Verdict(REFUSED, "argparse") if error.code in ASKED else _fault("traceback", error)
    except LossError as error:
        return Verdict("silent loss", _skeleton(str(error).partition(":")[0]), str(error))
    except Hang as error:
        return _fault("hang", error)
    except MemoryError as error:
        return _fault("out of memory", error)
    except Exception as error:
        return _fault("traceback", error)
    return Verdict(ACCEPTED)


def _fault(kind: str, error: BaseException) -> Verdict:
    """Its cause is told by the last line of the product that was being run."""
    ours = [line for line in traceback.extract_tb(error.__traceback__)
            if "mgcm_fairseq" in line.filename and "/checks/fuzzing/" not in line.filename]
    line = f"{Path(ours[-1].filename).name}:{ours[-1].name}" if ours else "outside"
    return Verdict(kind, f"{type(error).__name__} in {line}", "".join(traceback.format_exception(error))[-6000:])


def _skeleton(message: str) -> str:
    """The message without what is quoted in it and without numbers."""
    return re.sub(r"'.*?'|\".*?\"|\[.*\]|[\d.]+", "*", message[:500], flags=re.DOTALL)[:120]


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    def end(number: int, line: FrameType | None) -> None:
        raise Hang(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
