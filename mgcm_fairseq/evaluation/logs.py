"""The folders of runs: settings.json, and instances.log, which grows sentence by sentence and is whole in the end."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mgcm_fairseq.agents.choice import point_text
from mgcm_fairseq.common.environment import ABSENT
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import drop_torn_line, parse_json, read_json, text_lines
from mgcm_fairseq.common.whole import appended, write_whole

# of the environment: what text and times may depend on
DECISIVE = ("commit", "torch", "simuleval", "silero_vad", "cpu", "gpu")
Record = dict[str, Any]


class RunLog:
    """One run of `count` sentences in `folder`."""

    def __init__(self, folder: Path, count: int, settings: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
        """Takes up an earlier log; InputError if that one was made with other settings.

        Args:
            folder: made if need be.
            count: sentences of the test set.
            settings: what the text depends on.
            environment: what the text may depend on, kept beside it; half a run of another one is not taken up.
        """
        self.folder, self.count = folder, count
        self.whole, self.partial = folder / "instances.log", folder / "instances.part"
        folder.mkdir(parents=True, exist_ok=True)
        known = self._check(settings, environment)
        self.records: dict[int, Record] = {}
        for number, record in enumerate(self._read() if not self.whole.exists() else (), start=1):
            if record["index"] in self.records:
                raise InputError((self.partial, number), "each index once", f"index {record['index']} again",
                                 self._again)
            self.records[record["index"]] = record
        if not self.records and not self.whole.exists():
            self._begin(settings, environment)
        for name in DECISIVE:
            if self.records and known.get(name, ABSENT) != environment[name]:
                raise InputError(self.partial, f"the rest of a run of {name} {known.get(name, ABSENT)}",
                                 str(environment[name]), f"Delete {folder} to begin it again.")
        self.finish()

    @property
    def missing(self) -> list[int]:
        """Indices of the sentences that are to be translated."""
        return [] if self.whole.exists() else [index for index in range(self.count) if index not in self.records]

    def add(self, record: Record) -> None:
        """Writes a sentence; after the last, all of them in order."""
        self.records[record["index"]] = record
        with appended(self.partial) as log:
            log.write(_line(record))
        self.finish()

    def finish(self) -> None:
        """Writes the log if all sentences are there."""
        if not self.whole.exists() and len(self.records) == self.count:
            write_whole(self.whole, "".join(_line(self.records[index]) for index in range(self.count)))
            self.partial.unlink(missing_ok=True)

    def _read(self) -> Iterable[Record]:
        """What was finished before an interruption, which may have cut off the last line."""
        if not self.partial.exists():
            return
        drop_torn_line(self.partial)
        for number, line in text_lines(self.partial, self._again):
            try:
                record = parse_json(line)
            except ValueError:
                record = None
            index = record.get("index") if isinstance(record, dict) else None
            if type(index) is not int or not 0 <= index < self.count:
                raise InputError((self.partial, number), f"the log of a sentence, with an index below {self.count}",
                                 repr(line[:80]), self._again)
            yield record

    def _check(self, settings: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, Any]:
        """The environment in which the run began; this one for a run that has not begun."""
        if not any(path.exists() for path in (self._settings, self.whole, self.partial)):
            return dict(environment)
        known, beginning = _read_settings(self._settings)
        for name, value in settings.items():
            if known.get(name) != value:
                raise InputError(self._settings, f"{name} {value}", str(known.get(name)), "Choose another --out.")
        return beginning

    def _begin(self, settings: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
        """Nothing is translated yet: the environment is this one, whatever one an earlier start had."""
        write_whole(self._settings, json.dumps({"settings": settings, "environment": environment}, indent=2) + "\n")

    @property
    def _settings(self) -> Path:
        return self.folder / "settings.json"

    @property
    def _again(self) -> str:
        return f"Delete {self.folder} to begin it again."


def finished(folder: Path, settings: Mapping[str, Any]) -> dict[Path, dict[str, Any]]:
    """Settings of the runs below `folder` that are whole and were made with these settings, by folder."""
    found = {}
    for whole in sorted(folder.glob("*/instances.log")):
        of_run, _ = _read_settings(whole.parent / "settings.json")
        if all(of_run.get(name) == value for name, value in settings.items()):
            found[whole.parent] = of_run
    return found


def environments(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Where each run was translated."""
    return [_read_settings(folder / "settings.json")[1] for folder in folders]


def _read_settings(path: Path) -> tuple[Record, Record]:
    """Settings and environment of a run; InputError if they are not there."""
    try:
        found = read_json(path)
        settings, environment = found["settings"], found["environment"]
        if not (isinstance(settings, dict) and isinstance(environment, dict)):
            raise TypeError("no objects")
        if "lag" in settings:
            raise ValueError("the word lag, by which a version before 0.1.0 called the operating point")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, "settings and environment of a run", f"{type(error).__name__}: {error}"[:120],
                         f"Delete {path.parent} to translate again, or choose another --out.") from error
    return settings, environment


def _line(record: Record) -> str:
    return json.dumps(record) + "\n"  # in ASCII: no character of a text can look like the end of a line


def run_name(label: str, point: float) -> str:
    """Of a run's folder: `wait-k-3`, `edatt-0.2`."""
    return f"{label}-{point_text(point)}"
