"""scripts/setup.sh names what a machine lacks, before it touches anything."""

import os
import shutil
import subprocess

import pytest

from tests.fixtures import REPOSITORY


@pytest.mark.parametrize(("lacking", "message"), [
    ({"PYTHON311": "/no/such/python"}, "expected Python 3.11 as /no/such/python, found none"),
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
