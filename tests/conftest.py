"""What every test starts from: the same random numbers and no time limit on generated examples."""

import pytest
import torch
from hypothesis import settings

pytest_plugins = ["tests.fixtures", "tests.chinese"]

settings.register_profile("project", deadline=None, database=None, derandomize=True)
settings.load_profile("project")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
