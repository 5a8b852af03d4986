"""What runs a script without a new process, which would first import everything anew."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures import REPOSITORY


@pytest.fixture
def run_script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs scripts/NAME.py with these arguments; raises SystemExit if it fails."""
    def script(name: str, *arguments: str | Path) -> None:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        try:
            runpy.run_path(str(REPOSITORY / "scripts" / f"{name}.py"), run_name="__main__")
        except SystemExit as ended:
            if ended.code:
                raise

    return script


@pytest.fixture
def refused(run_script: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs a script that must end with an error: its exit status, and what it says."""
    def script(name: str, *arguments: str | Path) -> tuple[int, str]:
        with pytest.raises(SystemExit) as raised:
            run_script(name, *arguments)
        said = capsys.readouterr().err
        assert said.splitlines()[-1].startswith(f"scripts/{name}.py: error: ")
        assert isinstance(raised.value.code, int)
        return raised.value.code, said

    return script
