"""Packages that do not import on some machines, or take too long to."""

import importlib
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn


def repair_torchaudio() -> None:
    """Makes `import torchaudio` work where its compiled part does not load.

    The wheels of torchaudio 2.11 link CUDA libraries, so on a CPU torch (or one for another CUDA) the import raises.
    Without the compiled part all of torchaudio works except forced_align and rnnt_loss.
    """
    if "torchaudio" in sys.modules:
        return
    try:
        import torchaudio
    except (OSError, RuntimeError) as error:
        sys.modules["torchaudio._extension"] = _without_extension(str(error))
        import torchaudio  # noqa: F401 - now that it can be


def _without_extension(reason: str) -> types.ModuleType:
    """What the Python part of torchaudio imports from torchaudio._extension."""

    def fail_if_no_align(function: Callable[..., Any]) -> Callable[..., NoReturn]:
        def fail(*args: Any, **kwargs: Any) -> NoReturn:
            raise RuntimeError(f"torchaudio's {function.__name__} needs a compiled part that did not load: {reason}")

        return fail

    stub = types.ModuleType("torchaudio._extension", "Stands for a compiled part that does not load on this machine.")
    vars(stub).update(_IS_TORCHAUDIO_EXT_AVAILABLE=False, fail_if_no_align=fail_if_no_align)
    return stub


class _WhenUsed(types.ModuleType):
    """Stands for a module. Its functions import the module when they are called."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return getattr(importlib.import_module(self.__name__), name)(*args, **kwargs)

        return call


@contextmanager
def statistics_when_used() -> Iterator[None]:
    """Around the first import of fairseq: keeps it from importing scikit-learn, pandas and scipy.stats.

    Each program of fairseq imports all of its tasks and criteria, two of which name five functions for scores of
    classification. They took a third of the time of all imports.
    """
    later = [name for name in ("sklearn", "sklearn.metrics", "scipy.stats") if name not in sys.modules]
    stand_ins = {name: _WhenUsed(name) for name in later}
    if "sklearn" in stand_ins:
        vars(stand_ins["sklearn"])["metrics"] = stand_ins["sklearn.metrics"]
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in later:
            del sys.modules[name]
