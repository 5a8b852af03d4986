"""What a registry names as text, so that a line adds to it and nothing is imported before it is asked for."""

import importlib
from typing import Any


def named(path: str) -> Any:
    """The NAME in the module of `path`, MODULE.NAME."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)
