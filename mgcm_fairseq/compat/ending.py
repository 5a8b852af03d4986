"""What programs end with in place of a traceback, where nothing is wrong with them."""

import io
import os
import re
import sys
import traceback
import types
from itertools import dropwhile

from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import STOPPED_TEXT, WRONG, called, say
from mgcm_fairseq.common.whole import lacks_room

DIED: dict[str, str] = {
    r"DataLoader worker \(pid.*\) (is killed|exited)|Pin memory thread exited": "a process that loads data",
    # gloo and the store through which workers meet
    r"Connection (closed|reset) by peer|Broken pipe \[|Socket Timeout|recvBytes|Connection was likely closed|"
    r"timeout caused pair closure|"
    # NCCL
    r"remote process exit|exit of a remote peer|communicator was aborted|NCCL.* [Aa]borted|"
    r"collective operation timeout":
        "a worker of this training",
}
"""What PyTorch says once a process has died or does not answer, and which one it was."""


def end_input_errors_without_a_traceback() -> None:
    """Has fairseq's programs, which catch nothing, end with one sentence where nothing is wrong with them.

    That is: with the input or a full disk (status 2), with a process that was killed beside them (1), or where their
    user has stopped them (130, by Python itself). Hydra shows a traceback of its own, unless it is told to pass on all.
    """
    before = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            print(f"{called()}: {STOPPED_TEXT}", file=sys.stderr)
        elif wrong := _wrong(error):
            _say_before_the_end(wrong)
            if not hasattr(sys, "ps1"):  # a prompt, which stays
                sys.exit(WRONG)  # Python heeds this here too
        elif dead := _dead(error):
            say(called(), dead)
        else:
            before(kind, error, trace)

    if before.__module__ != __name__:
        sys.excepthook = show
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")


def _say_before_the_end(wrong: str) -> None:
    """In a worker PyTorch keeps what a hook writes, to put the rank in front, and loses it where the hook exits."""
    kept = sys.stderr
    try:
        if isinstance(kept, io.StringIO) and sys.__stderr__ is not None:
            sys.stderr = sys.__stderr__
        say(called(), wrong)
        sys.stderr.flush()
    finally:
        sys.stderr = kept


def _wrong(error: BaseException) -> str:
    """What to say of an error if the input or the room is at fault, else nothing.

    PyTorch brings an error from another process as text: fairseq's workers on one machine are processes that it
    starts, and so are those that load data.
    """
    if said := error if isinstance(error, InputError) else lacks_room(error):
        return str(said)
    if not isinstance(error, RuntimeError | ProcessRaisedException):
        return ""
    text = _without_traceback(str(error))
    if text.startswith(_INPUT_ERROR):
        return text.removeprefix(_INPUT_ERROR)
    if full := re.match(r"OSError: \[Errno (\d+)\] ([^:]*)(?:: '(.*)')?", text):
        return str(lacks_room(OSError(int(full[1]), full[2], full[3])) or "")
    return ""


def _dead(error: BaseException) -> str:
    """What to say of an error if another process has died, else nothing."""
    if isinstance(error, ProcessExitedException):
        return _died("a worker of this training", str(error))
    if _cut_off_from_a_loader(error):
        return _died("a process that loads data", _without_traceback(str(error)) or repr(error))
    if not isinstance(error, RuntimeError | ProcessRaisedException):
        return ""
    text = _without_traceback(str(error))
    return next((_died(who, text) for pattern, who in DIED.items() if re.search(pattern, text)), "")


def _cut_off_from_a_loader(error: BaseException) -> bool:
    """Whether a process that loads data died while a batch was fetched from it.

    Its sockets close a moment before it counts as dead, and PyTorch passes on what was read of them until then.
    """
    text = str(error) if isinstance(error, ProcessRaisedException) else "".join(traceback.format_exception(error))
    return ", in _try_get_data\n" in text and bool(_CUT_OFF.match(_without_traceback(text)))


_CUT_OFF = re.compile(r"(EOF|Connection\w*|BrokenPipe|FileNotFound)Error|RuntimeError: received \d+ items of ancdata")
_INPUT_ERROR = f"{InputError.__module__}.{InputError.__qualname__}: "  # as a traceback names it


def _without_traceback(text: str) -> str:
    """The error at the end of a traceback, or the text itself if it has none."""
    _, traceback, end = text.rpartition("Traceback (most recent call last):\n")
    return "\n".join(dropwhile(lambda line: line.startswith(" "), end.splitlines())) if traceback else text


def _died(who: str, text: str) -> str:
    return (f"{who} has died or does not answer, for lack of memory it may be. The same command goes on from the last "
            f"checkpoint. ({text.strip().splitlines()[0][:160]})")
