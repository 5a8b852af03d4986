"""The folders of runs: settings.json, and instances.log, which grows sentence by sentence and is whole in the end."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mgcm_fairseq.agents.choice import lag_text
from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.data.steps import write_whole

DECISIVE = ("commit", "torch", "simuleval", "cpu", "gpu")  # of the environment: what text and times may depend on
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
        self.records = {} if self.whole.exists() else {record["index"]: record for record in self._read()}
        for name in DECISIVE:
            if self.records and known.get(name) != environment[name]:
                raise InputError(self.partial, f"the rest of a run of {name} {known.get(name)}", str(environment[name]),
                                 f"Delete {folder} to begin it again.")
        self.finish()

    @property
    def missing(self) -> list[int]:
        """Indices of the sentences that are to be translated."""
        return [] if self.whole.exists() else [index for index in range(self.count) if index not in self.records]

    def add(self, record: Record) -> None:
        """Writes a sentence; after the last, all of them in order."""
        self.records[record["index"]] = record
        with self.partial.open("a", encoding="utf-8") as log:
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
        *lines, cut = self.partial.read_text(encoding="utf-8").split("\n")
        if cut:
            write_whole(self.partial, "".join(f"{line}\n" for line in lines))
        for number, line in enumerate(lines, start=1):
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError((self.partial, number), "the log of a sentence", repr(line[:80]),
                                 f"Delete {self.folder} to begin it again.") from error

    def _check(self, settings: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, Any]:
        """The environment in which the run began."""
        path = self.folder / "settings.json"
        if not path.exists():
            write_whole(path, json.dumps({"settings": settings, "environment": environment}, indent=2) + "\n")
        found = json.loads(path.read_text(encoding="utf-8"))
        for name, value in settings.items():
            if found["settings"].get(name) != value:
                raise InputError(path, f"{name} {value}", str(found["settings"].get(name)), "Choose another --out.")
        beginning: dict[str, Any] = found["environment"]
        return beginning


def finished(folder: Path, settings: Mapping[str, Any]) -> dict[Path, dict[str, Any]]:
    """Settings of the runs below `folder` that are whole and were made with these settings, by folder."""
    found = {}
    for whole in sorted(folder.glob("*/instances.log")):
        of_run = json.loads((whole.parent / "settings.json").read_text(encoding="utf-8"))["settings"]
        if all(of_run.get(name) == value for name, value in settings.items()):
            found[whole.parent] = of_run
    return found


def environments(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Where each run was translated."""
    texts = [(folder / "settings.json").read_text(encoding="utf-8") for folder in folders]
    return [json.loads(text)["environment"] for text in texts]


def _line(record: Record) -> str:
    return json.dumps(record) + "\n"  # in ASCII: no character of a text can look like the end of a line


def run_name(label: str, lag: float) -> str:
    """Of a run's folder: `wait-k-3`, `edatt-0.2`."""
    return f"{label}-{lag_text(lag)}"
