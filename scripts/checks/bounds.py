"""Prints what setup.py depends on, extras included, as constraints for pip: scripts/checks/bounds.py lowest|latest

lowest has every dependency at its lower bound, latest at any version within its bounds, of which pip takes the newest.
"""

import contextlib
import os
import sys
from importlib.metadata import PathDistribution
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement
from setuptools import build_meta

REPOSITORY = Path(__file__).parents[2]


def requirements() -> list[Requirement]:
    """As pip learns them, by the build backend."""
    os.chdir(REPOSITORY)
    with TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        metadata = build_meta.prepare_metadata_for_build_wheel(folder)
        return [Requirement(line) for line in PathDistribution(Path(folder, metadata)).requires or []]


def lower_bound(requirement: Requirement) -> str:
    """The requirement at the oldest version that it names."""
    versions = [bound.version for bound in requirement.specifier if bound.operator in ("==", ">=", "~=")]
    if len(versions) != 1:
        sys.exit(f"error: setup.py: expected one lower bound of {requirement.name}, as in {requirement.name}>=1.2, "
                 f"found {str(requirement.specifier) or 'none'}.")
    return f"{requirement.name}=={versions[0]}"


def main() -> None:
    match sys.argv[1:]:
        case ["lowest"]:
            lines = [lower_bound(requirement) for requirement in requirements()]
        case ["latest"]:
            lines = [f"{requirement.name}{requirement.specifier}" for requirement in requirements()]
        case arguments:
            sys.exit(f"error: expected lowest or latest, found {' '.join(arguments) or 'nothing'}.")
    print(*sorted(set(lines)), sep="\n")  # setuptools has changed their order


if __name__ == "__main__":
    main()
