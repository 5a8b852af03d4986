"""How every program of this package ends: one form of message, and one exit status for each way to end."""

import functools
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS, in_clone

P = ParamSpec("P")

WRONG = 2  # what argparse ends with too
_PATHS = (FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)
"""Errors of paths that a user gave: a file where a folder is to be, or one that is not theirs."""
STOPPED = 130  # of a program that SIGINT ended, as shells count
UNREAD = 141  # of one that SIGPIPE ended: nobody reads its output any more, as behind `| head`
STOPPED_TEXT = "interrupted. You can run the same command again."


def say(name: str, error: object) -> None:
    """Tells the user what was wrong, in the form that argparse has."""
    print(f"{name}: error: {error}", file=sys.stderr)


def called(script: str = "") -> str:
    """The name that the user called the program by; of scripts/X in a clone `script`, for a shell script starts it."""
    name = Path(sys.argv[0]).name or "mgcm-fairseq"  # no program's in a prompt
    return name if not script or name.startswith("mgcm-") else script


def command(name: str) -> str:
    """What this user can start the program mgcm-NAME with; for messages and help."""
    installed = Path(sys.argv[0]).name.startswith("mgcm-") or not in_clone()
    return f"mgcm-{name}" if installed else SCRIPTS[name]


def program(script: str) -> Callable[[Callable[P, int | None]], Callable[P, int]]:
    """For the `main` of scripts/X, which then returns the exit status: wrong input and Ctrl-C are told in a line.

    A main that returns nothing has done its work (status 0); one that ran and found something wrong returns 1.
    """
    def decorated(main: Callable[P, int | None]) -> Callable[P, int]:
        @functools.wraps(main)
        def run(*args: P.args, **kwargs: P.kwargs) -> int:
            try:
                status = main(*args, **kwargs) or 0
                sys.stdout.flush()
                return status
            except InputError as error:
                say(called(script), error)
                return WRONG
            except _PATHS as error:
                if error.filename is None:
                    raise
                say(called(script), InputError(error.filename, "a path that can be read or written here",
                                               str(error.strerror), "Correct the option."))
                return WRONG
            except BrokenPipeError:
                if not _reader_is_gone():
                    raise
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python complains of what is left to write
                return UNREAD
            except KeyboardInterrupt:
                print(f"{called(script)}: {STOPPED_TEXT}", file=sys.stderr)
                return STOPPED

        return run

    return decorated


def _reader_is_gone() -> bool:
    """Whether stdout is a pipe that nobody reads."""
    output = select.poll()
    output.register(1, 0)
    return any(events & select.POLLERR for _, events in output.poll(0))
