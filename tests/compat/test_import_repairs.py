"""torchaudio, and what fairseq imports: the fault by itself, so that a test fails once a repair can go."""

import sys

import pytest
import torch

from mgcm_fairseq.compat import imports
from tests.compat.fresh import python

SPEECH = "import torch, torchaudio.functional as F; print(F.resample(torch.zeros(1, 8000), 8000, 16000).shape[1])"


@pytest.mark.skipif(sys.platform != "linux" or bool(torch.version.cuda), reason="only a CPU torch on Linux has it")
def test_torchaudio_does_not_import_by_itself() -> None:
    assert "OSError: Could not load this library" in python("import torch, torchaudio").stderr


def test_torchaudio_works_once_repaired() -> None:
    found = python(f"from mgcm_fairseq import compat; compat.repair_torchaudio(); {SPEECH}")
    assert found.stdout == "16000\n", found.stderr


def test_torchaudio_says_why_what_was_compiled_is_missing() -> None:
    stub = imports._without_extension("no libcudart")

    @stub.fail_if_no_align  # type: ignore[untyped-decorator]  # torchaudio's
    def forced_align() -> None:
        """As torchaudio decorates its own."""

    with pytest.raises(RuntimeError, match=r"forced_align .* no libcudart"):
        forced_align()


STATISTICS = "; import sys; print(*sorted({'sklearn', 'pandas', 'scipy.stats'} & set(sys.modules)))"
CLASSIFIED = """
import numpy as np
from fairseq.criterions import sentence_prediction
print(sentence_prediction.acc_and_f1(np.array([1, 0, 1]), np.array([1, 1, 1]))["f1"],
      sentence_prediction.pearson_and_spearman([1, 2, 3], [1, 2, 4])["spearmanr"].round(6))
"""


def test_fairseq_imports_what_only_classification_uses() -> None:
    assert python(f"import fairseq{STATISTICS}").stdout == "pandas scipy.stats sklearn\n"


@pytest.mark.parametrize("way_in", [
    "import mgcm_fairseq.tasks", "import mgcm_fairseq.recipes.worker", "import mgcm_fairseq.recipes.waiting as "
    "waiting, sys, io; sys.stdin = io.StringIO(); waiting.main()"])
def test_statistics_are_not_imported_once_repaired(way_in: str) -> None:
    found = python(f"{way_in}{STATISTICS}")
    assert found.stdout == "\n", found.stderr


def test_statistics_are_imported_when_they_are_used() -> None:
    found = python(f"import mgcm_fairseq.tasks{CLASSIFIED}")
    assert found.stdout == "0.8 1.0\n", found.stderr
