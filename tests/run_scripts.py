"""What runs a script without a new process, which would first import everything anew."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures import REPOSITORY


@pytest.fixture
def run_script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs scripts/NAME.py with these arguments; what it exits with is raised as SystemExit."""
    def script(name: str, *arguments: str | Path) -> None:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(REPOSITORY / "scripts" / f"{name}.py"), run_name="__main__")

    return script


@pytest.fixture
def refused(run_script: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs a script that must end with an error: its exit status, and what it says."""
    def script(name: str, *arguments: str | Path) -> tuple[int, str]:
        with pytest.raises(SystemExit) as raised:
            run_script(name, *arguments)
        said = capsys.readouterr().err
        code = raised.value.code
        return (1, f"{said}{code}") if isinstance(code, str) else (int(code or 0), said)

    return script
