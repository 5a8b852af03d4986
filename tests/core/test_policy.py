"""Wait-k decisions on hand-written cases."""

import pytest

from mgcm_fairseq.core.policy import wait_k_source


@pytest.mark.parametrize(("words", "lag", "expected"), [(0, 1, 5120), (0, 3, 15360), (1, 3, 20480), (7, 2, 46080)])
def test_word_t_waits_for_k_plus_t_minus_1_steps(words, lag, expected):
    assert wait_k_source(words, lag, step=5120) == expected
