"""scripts/checks/bounds.py: the constraints that scripts/setup.sh --versions installs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.fixtures import REPOSITORY

SETUP = """
from setuptools import setup
setup(name="small", version="1", py_modules=[], install_requires={required}, extras_require={extras})
"""


def bounds(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, folder / "scripts" / "checks" / "bounds.py", *arguments], text=True,
                          capture_output=True, check=False, stdin=subprocess.DEVNULL)


def project(folder: Path, required: list[str], extras: dict[str, list[str]]) -> Path:
    """A project with these dependencies and the script under test."""
    (folder / "setup.py").write_text(SETUP.format(required=required, extras=extras))
    (folder / "scripts" / "checks").mkdir(parents=True)
    shutil.copy(REPOSITORY / "scripts" / "checks" / "bounds.py", folder / "scripts" / "checks")
    return folder


@pytest.mark.parametrize(("versions", "expected"), [
    ("lowest", ["a==1.5", "b==2", "c==3.1", "d==0.18"]),
    ("latest", ["a<2,>=1.5", "b==2", "c!=3.4,>=3.1", "d>=0.18"])])
def test_each_dependency_once_extras_included(tmp_path, versions, expected):
    extras = {"more": ["c>=3.1,!=3.4", "d[solver]>=0.18"], "dev": ["d[solver]>=0.18"]}
    found = bounds(project(tmp_path, ["a>=1.5,<2", "b==2"], extras), versions)
    assert found.stdout.splitlines() == expected, found.stderr


def test_a_dependency_without_a_lower_bound_is_named(tmp_path):
    found = bounds(project(tmp_path, ["a>=1", "loose<2"], {}), "lowest")
    assert found.returncode == 2
    assert "expected one lower bound of loose, as in loose>=1.2, found <2" in found.stderr
    assert not found.stdout


def test_the_tested_versions_are_within_the_bounds():
    allowed = [Requirement(line) for line in bounds(REPOSITORY, "latest").stdout.splitlines()]
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    tested = {name.lower(): version for name, _, version in (line.partition("==") for line in lines) if version}
    assert len(allowed) > 20
    assert [str(bound) for bound in allowed if tested[bound.name.lower()] not in bound.specifier] == []
