"""What every test starts from: the same random numbers and no time limit on generated examples; a GPU is optional."""

import logging
import os
import sys
from collections.abc import Iterator
from multiprocessing import spawn

import pytest
import torch
from hypothesis import settings

from tests.warm.start import warm_python

pytest_plugins = ["tests.fixtures", "tests.chinese", "tests.run_scripts", "tests.tiny_mustc", "tests.several_languages"]

spawn.get_executable = lambda: os.fsencode(warm_python())  # what processes that the product spawns in a test run in

settings.register_profile("project", deadline=None, database=None, derandomize=True)
settings.load_profile("project")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("cuda"):
                item.add_marker(pytest.mark.skip(reason="needs a GPU that PyTorch can use"))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _no_hook_outlives_its_test() -> Iterator[None]:
    """torch's process groups have errors begin with the rank, also in forks that later tests make."""
    before = sys.excepthook
    yield
    sys.excepthook = before


@pytest.fixture(autouse=True)
def _no_handler_or_level_outlives_its_test() -> Iterator[None]:
    """fairseq's programs log to the standard output of the moment, which a test that captures it closes at its end.

    They, and simulstream as soon as it is imported, have all of INFO logged, which a test of silence would hear.
    """
    root = logging.getLogger()
    before = root.handlers[:]
    root.setLevel(logging.WARNING)
    yield
    for handler in root.handlers[:]:
        if handler not in before:
            root.removeHandler(handler)
