"""Translation by several processes, one of which is killed."""

from pathlib import Path

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.evaluation.processes import EvaluationSetting, translate
from tests.deadly import Deadly


def test_a_killed_process_is_an_error_and_no_wait_for_ever():
    setting = EvaluationSetting(Path("none.pt"), None, ("one.wav",), ("Eins.",), 320, "fp32", "cpu")
    with pytest.raises(InputError, match="--processes: expected 2 processes that live to the end, found one that died"):
        list(translate(setting, [(Deadly(), index) for index in range(8)], 2))
