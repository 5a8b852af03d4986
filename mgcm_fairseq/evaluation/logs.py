"""The folders of runs: settings.json, and instances.log, which grows sentence by sentence and is whole in the end."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.evaluation.results import write_text

Record = dict[str, Any]


class RunLog:
    """One run of `count` sentences in `folder`."""

    def __init__(self, folder: Path, count: int, settings: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
        """Takes up an earlier log; InputError if that one was made with other settings.

        Args:
            folder: made if need be.
            count: sentences of the test set.
            settings: what the text depends on.
            environment: what the text may depend on, kept beside it.
        """
        self.folder, self.count = folder, count
        self.whole, self.partial = folder / "instances.log", folder / "instances.part"
        folder.mkdir(parents=True, exist_ok=True)
        self._check(settings, environment)
        self.records = {} if self.whole.exists() else {record["index"]: record for record in self._read()}

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
            write_text(self.whole, "".join(_line(self.records[index]) for index in range(self.count)))
            self.partial.unlink(missing_ok=True)

    def _read(self) -> Iterable[Record]:
        """What was finished before an interruption, which may have cut off the last line."""
        if not self.partial.exists():
            return
        lines = self.partial.read_text(encoding="utf-8").splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines = lines[:-1]
            write_text(self.partial, "".join(lines))
        yield from map(json.loads, lines)

    def _check(self, settings: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
        path = self.folder / "settings.json"
        if not path.exists():
            write_text(path, json.dumps({"settings": settings, "environment": environment}, indent=2) + "\n")
        found = json.loads(path.read_text(encoding="utf-8"))["settings"]
        for name, value in settings.items():
            if found.get(name) != value:
                raise InputError(path, f"{name} {value}", str(found.get(name)), "Choose another --out.")


def environments(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Where each run was translated."""
    texts = [(folder / "settings.json").read_text(encoding="utf-8") for folder in folders]
    return [json.loads(text)["environment"] for text in texts]


def _line(record: Record) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"
