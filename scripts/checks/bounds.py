"""Prints what setup.py depends on, extras included, as constraints for pip.

lowest has every dependency at its lower bound, latest at any version within its bounds, of which pip takes the newest.
"""

import argparse
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
    """The requirement at the oldest version that it names; ValueError where there is not one."""
    versions = [bound.version for bound in requirement.specifier if bound.operator in ("==", ">=", "~=")]
    if len(versions) != 1:
        raise ValueError(f"setup.py: expected one lower bound of {requirement.name}, as in {requirement.name}>=1.2, "
                         f"found {str(requirement.specifier) or 'none'}.")
    return f"{requirement.name}=={versions[0]}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/checks/bounds.py", description=__doc__)
    parser.add_argument("versions", choices=["lowest", "latest"], help="which of those that setup.py allows")
    lowest = parser.parse_args().versions == "lowest"
    try:
        lines = [lower_bound(one) if lowest else f"{one.name}{one.specifier}" for one in requirements()]
    except ValueError as error:
        parser.error(str(error))
    print(*sorted(set(lines)), sep="\n")  # setuptools has changed their order


if __name__ == "__main__":
    main()
