"""scripts/setup.sh names what a machine lacks, before it touches anything, and what it can be asked for."""

import os
import shutil
import subprocess

import pytest

from tests.fixtures import REPOSITORY


@pytest.mark.parametrize(("lacking", "message"), [
    ({"PYTHON_BASE": "/no/such/python"}, "expected Python 3.11 or 3.12 as /no/such/python, found none"),
    ({"CXX": "false"}, "false is no C++ compiler that works")])
def test_a_missing_tool_is_named(tmp_path, lacking, message):
    for name in ("setup.py", "constraints.txt"):
        shutil.copy(REPOSITORY / name, tmp_path)
    shutil.copytree(REPOSITORY / "scripts", tmp_path / "scripts")
    failed = subprocess.run(["bash", "scripts/setup.sh"], cwd=tmp_path, env={**os.environ, **lacking}, text=True,
                            capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert failed.returncode == 2
    assert message in failed.stdout + failed.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("name", ["setup.sh", "test.sh"])
def test_help_is_what_the_script_says_of_itself(tmp_path, name):
    script = REPOSITORY / "scripts" / name
    shown = subprocess.run(["bash", script, "--help"], cwd=tmp_path, text=True, capture_output=True, check=True,
                           stdin=subprocess.DEVNULL).stdout
    lines = script.read_text().splitlines()
    assert shown.splitlines() == [line.removeprefix("# ") for line in lines[1:lines.index("set -euo pipefail")]]


@pytest.mark.parametrize("arguments", [["--versions"], ["--versions", "old"], ["--dve"], ["--dev", "more"]])
def test_an_unknown_option_is_refused(arguments):
    failed = subprocess.run(["bash", REPOSITORY / "scripts" / "setup.sh", *arguments], text=True, capture_output=True,
                            check=False, stdin=subprocess.DEVNULL)
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: expected --dev, --versions lowest, --versions latest or --help, found ")


def test_versions_and_an_environment_of_ones_own_exclude_each_other():
    failed = subprocess.run(["bash", REPOSITORY / "scripts" / "test.sh", "--versions", "lowest"], text=True,
                            env={**os.environ, "PYTHON": "python"}, capture_output=True, check=False,
                            stdin=subprocess.DEVNULL)
    assert failed.returncode == 2
    assert "unset PYTHON" in failed.stderr
