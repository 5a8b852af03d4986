"""Sampled lags."""

import subprocess
import sys
from collections import Counter

import pytest

from mgcm_fairseq.core.segmentation.lags import sampled_lag


def test_every_lag_of_the_range_comes_as_often():
    counts = Counter(sampled_lag(1, update, 1, 15) for update in range(15000))
    assert sorted(counts) == list(range(1, 16))
    assert max(counts.values()) < 1150
    assert min(counts.values()) > 850


def test_the_lag_follows_from_seed_and_update_in_any_process():
    code = ("from mgcm_fairseq.core.segmentation.lags import sampled_lag;"
            "print([sampled_lag(7, update, 1, 15) for update in range(20)])")
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert found == str([sampled_lag(7, update, 1, 15) for update in range(20)])


def test_seeds_differ():
    assert len({tuple(sampled_lag(seed, update, 1, 15) for update in range(5)) for seed in range(20)}) == 20


def test_one_lag_is_a_range():
    assert {sampled_lag(0, update, 3, 3) for update in range(9)} == {3}


@pytest.mark.parametrize(("lowest", "highest"), [(0, 3), (4, 3), (-2, -1)])
def test_ranges_without_lags_are_refused(lowest, highest):
    with pytest.raises(ValueError, match=f"found {lowest} and {highest}"):
        sampled_lag(0, 0, lowest, highest)
