"""Steps that run only when needed: a JSON file remembers what each finished step read, wrote and counted."""

import errno
import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.common.whole import write_whole

Summary = dict[str, Any]  # what a step counted; anything JSON can hold


class StepRecord:
    """The JSON file at `path`, rewritten whole after each step, so that a killed run repeats one step at most."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            found = read_json(path)
        except (FileNotFoundError, ValueError):
            found = None
        steps = found.items() if isinstance(found, dict) else ()
        self._steps: dict[str, Any] = {name: step for name, step in steps if _is_step(step)}

    def run(self, name: str, options: dict[str, Any], inputs: Iterable[Path],
            work: Callable[[], tuple[list[Path], Summary]]) -> tuple[Summary, bool]:
        """Calls `work` unless it ran before with these options on these inputs and its outputs are untouched.

        Files count as the same if path, size and time of change are. `work` returns its output files and its summary.
        Returns the summary and whether `work` was called.
        """
        digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
        for path in inputs:  # of which there may be hundreds of thousands
            digest.update(json.dumps([str(path), _stat(path)]).encode())
        key = digest.hexdigest()
        known = self._steps.get(name)
        if known and known["key"] == key and _stats(Path(path) for path in known["outputs"]) == known["outputs"]:
            return known["summary"], False
        outputs, summary = work()
        self._steps[name] = {"summary": summary, "key": key, "outputs": _stats(outputs)}
        write_whole(self._path, json.dumps(self._steps))
        return summary, True


def _is_step(step: Any) -> bool:
    """Whether this is what `run` records; what is not counts as not done."""
    return (isinstance(step, dict) and step.keys() == {"summary", "key", "outputs"}
            and isinstance(step["summary"], dict) and isinstance(step["outputs"], dict))


def _stats(paths: Iterable[Path]) -> dict[str, list[int] | None]:
    return {str(path): _stat(path) for path in paths}


def _stat(path: Path) -> list[int] | None:
    """Size and time of change, None for a file that does not exist, or cannot by its name."""
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last for a name with a zero byte
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise
    return [stat.st_size, stat.st_mtime_ns]
