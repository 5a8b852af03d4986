"""One mutant against the tests nearest to it."""

import ast
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from mgcm_fairseq.checks.mutation.forked import in_fork, run_tests
from mgcm_fairseq.checks.mutation.mutants import Mutant, tree_of

_AT_LEAST = 20.0  # seconds for the tests of a mutant
_TIMES = 6  # as long as without the change: a mutant may be slower


def killed_by(mutant: Mutant, root: Path, tests: Sequence[str], seconds: float, output: Path) -> str | None:
    """The first test that fails, "hangs" or "dies"; None where all pass.

    Args:
        mutant: of a file below `root`.
        root: of the repository, where tests run.
        tests: their ids, in this order.
        seconds: that they take without the change.
        output: gets what pytest prints.
    """
    if not tests:
        return None
    told = output.with_suffix(".failed")
    told.write_text("", encoding="utf-8")
    status = in_fork(lambda: _run(mutant, root, tests, told), _AT_LEAST + _TIMES * seconds, output)
    if status == pytest.ExitCode.OK:
        return None
    if status is None or status > 127:
        return "hangs" if status is None else "dies"
    return told.read_text(encoding="utf-8") or "collection"


def _run(mutant: Mutant, root: Path, tests: Sequence[str], told: Path) -> int:
    file = root / mutant.file
    parts = file.relative_to(root).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    assert name not in sys.modules, f"{name} was imported before it could be changed"
    sys.meta_path.insert(0, _Finder(name, file, tree_of(mutant, file.read_text(encoding="utf-8"))))
    order = {test: position for position, test in enumerate(tests)}

    class Chosen:
        @staticmethod
        def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
            items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])

        @staticmethod
        def pytest_runtest_logreport(report: pytest.TestReport) -> None:
            if report.failed:
                told.write_text(report.nodeid, encoding="utf-8")

    return run_tests(list(dict.fromkeys(test.partition("::")[0] for test in tests)), Chosen, "-x", "--tb=short")


class _Finder:
    """Finds the module that is changed, and leaves all others to the finders behind it."""

    def __init__(self, name: str, file: Path, tree: ast.Module) -> None:
        self.name, self.file, self.tree = name, file, tree

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        return spec_from_file_location(name, self.file, loader=_Loader(name, str(self.file), self.tree))


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        super().__init__(name, path)
        self.tree = tree

    def get_code(self, fullname: str) -> Any:
        return compile(self.tree, self.path, "exec", dont_inherit=True)
