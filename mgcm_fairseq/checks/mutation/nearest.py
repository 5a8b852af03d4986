"""Which tests execute which line, and how long each takes: measured once for each test file, by coverage."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage

from mgcm_fairseq.checks.mutation.forked import in_fork, run_tests
from mgcm_fairseq.checks.mutation.mutants import Mutant
from mgcm_fairseq.common.read_text import json_lines

SHARED = "tiny_"  # begins the names of fixtures that train in processes of their own, which are not measured
LONGEST = 600.0  # seconds for the tests of a file


class Nearest:
    """The map, kept as a file with a line for each test file; what has changed is measured again."""

    def __init__(self, kept: Path, root: Path, files: Sequence[Path], tests: Sequence[Path]) -> None:
        """`files`: that may be changed; `tests`: test files."""
        self._root = root
        self._files = files
        product = _digest(files)
        known = {}
        for _, row in json_lines(kept, "Remove it.") if kept.exists() else ():
            known[row["tests"], row["digest"]] = row
        self.seconds: dict[str, float] = {}
        self._tests: dict[tuple[str, int], set[str]] = {}  # a line -> the tests that execute it
        for test in tests:
            name, digest = str(test.relative_to(root)), product + _digest([test])
            if (name, digest) not in known:
                measured = self._measured(name, kept.with_suffix(".log"))
                known[name, digest] = {"tests": name, "digest": digest, **measured}
                with kept.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(known[name, digest]) + "\n")
            row = known[name, digest]
            self.seconds |= row["seconds"]
            for file, lines in row["lines"].items():
                for line, nodes in lines.items():
                    self._tests.setdefault((file, int(line)), set()).update(nodes)

    def of(self, mutant: Mutant, seconds: float) -> list[str]:
        """Tests that may notice the mutant, the fastest first, as many as take that long together, but at least one."""
        files = [mutant.file] if mutant.lines else [mutant.file, *self._importers(mutant.file)]
        found = {node for (file, line), nodes in self._tests.items()
                 if file in files and (line in mutant.lines or not mutant.lines) for node in nodes}
        if not mutant.lines:  # tests that look at what it defines, and run no line of it
            found |= {node for node in self.seconds if self._imports(self._root / node.partition("::")[0], mutant.file)}
        order = sorted(found, key=lambda node: self.seconds[node])
        so_far = accumulate(self.seconds[node] for node in order[1:])
        return order[:1] + [node for node, total in zip(order[1:], so_far, strict=True) if total <= seconds]

    def _importers(self, file: str) -> list[str]:
        """Files that import names from this one, whose tests may notice what it defines."""
        return [str(one.relative_to(self._root)) for one in self._files if self._imports(one, file)]

    @staticmethod
    def _imports(importer: Path, file: str) -> bool:
        line = f"from {file.removesuffix('.py').replace('/', '.')} import"
        return line in importer.read_text(encoding="utf-8")

    def _measured(self, tests: str, output: Path) -> dict[str, Any]:
        answer = output.with_suffix(".measured")
        answer.unlink(missing_ok=True)
        in_fork(lambda: self._measure(tests, answer), LONGEST, output)
        if not answer.exists():
            raise RuntimeError(f"{tests}: expected tests that end within {LONGEST:.0f} s, found\n{output.read_text()}")
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return found

    def _measure(self, tests: str, answer: Path) -> int:
        measuring = Coverage(data_file=None, config_file=False, include=[str(file) for file in self._files])
        seconds: dict[str, float] = {}

        class Watching:
            @staticmethod
            def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
                items[:] = [item for item in items
                            if not any(name.startswith(SHARED) for name in getattr(item, "fixturenames", ()))]

            @staticmethod
            @pytest.hookimpl(wrapper=True)
            def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
                measuring.switch_context(item.nodeid)
                return (yield)  # type: ignore[return-value]  # of a generator, as pluggy wants it

            @staticmethod
            def pytest_runtest_logreport(report: pytest.TestReport) -> None:
                if report.failed:
                    raise RuntimeError(f"{report.nodeid}: expected a test that passes without a change")
                seconds[report.nodeid] = seconds.get(report.nodeid, 0.0) + report.duration

        measuring.start()
        status = run_tests([tests], Watching)
        measuring.stop()
        data = measuring.get_data()
        lines = {str(Path(file).relative_to(self._root)): {
            line: nodes for line, contexts in data.contexts_by_lineno(file).items()
            if (nodes := [context for context in contexts if context])} for file in data.measured_files()}
        answer.write_text(json.dumps({"seconds": seconds, "lines": lines}), encoding="utf-8")
        return status


def _digest(files: Sequence[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        total.update(file.read_bytes())
    return total.hexdigest()[:16]
