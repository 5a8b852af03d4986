"""scripts/test.sh with a stand-in for Python: which checks it has it make, and what it says of one that fails."""

import shutil
import subprocess

import pytest

from tests.fixtures import ENVIRONMENT, REPOSITORY

STAND_IN = """#!/usr/bin/env bash
echo "$*" >> "$ASKED"
case "$*" in *"$FAILS"*) exit 1 ;; esac
"""
SET_UP = """
echo "set-up $*" >> "$ASKED"
mkdir -p .venv-"$3"/bin
cp stand_in .venv-"$3"/bin/python
"""
CHECKS = {"-m ruff check", "-m mypy", "-c import sys; from importlinter.cli", "-m sphinx -q -W", "-m pytest"}


@pytest.fixture
def tested(tmp_path):
    """Runs test.sh of a copy whose set-up installs the stand-in: status, what it said, what the stand-in was asked."""
    shutil.copytree(REPOSITORY / "scripts", tmp_path / "scripts")
    (tmp_path / "scripts" / "setup.sh").write_text(SET_UP)
    (tmp_path / "stand_in").write_text(STAND_IN)
    (tmp_path / "stand_in").chmod(0o755)

    def test(*arguments, python="", fails="no check"):
        asked = tmp_path / "asked"
        asked.write_text("")
        done = subprocess.run(["bash", "scripts/test.sh", *arguments], cwd=tmp_path, text=True, capture_output=True,
                              stdin=subprocess.DEVNULL, check=False,
                              env={**ENVIRONMENT, "PYTHON": python, "ASKED": str(asked), "FAILS": fails})
        return done.returncode, done.stderr, asked.read_text().splitlines()

    return test


@pytest.mark.parametrize("fails", ["no check", "ruff", "mypy", "importlinter", "sphinx", "pytest"])
def test_a_failed_check_is_named_and_the_others_run(tested, tmp_path, fails):
    status, said, asked = tested("-k", "words", python=str(tmp_path / "stand_in"), fails=fails)
    assert {check for check in CHECKS if sum(line.startswith(check) for line in asked) == 1} == CHECKS
    assert len(asked) == len(CHECKS)
    assert asked[-1].endswith("--durations=20 -k words")
    names = {"ruff": "style", "mypy": "types", "importlinter": "layers", "sphinx": "docs", "pytest": "tests"}
    assert (status, said) == ((1, f"\nfailed: {names[fails]}\n") if fails in names else (0, ""))


@pytest.mark.parametrize("versions", ["lowest", "latest"])
def test_other_versions_get_their_own_environment(tested, versions):
    """And no check of types, which is made for the tested versions."""
    status, _, asked = tested("--versions", versions, "-x")
    assert status == 0
    assert asked[0] == f"set-up --dev --versions {versions}"
    assert {line.split()[1] for line in asked[1:]} == {"ruff", "import", "sphinx", "pytest"}
    assert asked[-1].endswith("--durations=20 -x")
