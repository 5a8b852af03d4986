"""The grid of lengths: never below, in order, with steps that are bounded, and where it lies."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.data.length_grid import OFFSET, TOKENS, UNIT, LengthGrid
from tests.modules.networks import network

lengths = st.lists(st.integers(1, 2**31), min_size=1).map(np.array)
limits = st.none() | st.integers(1, 2**31)
LONGEST_STEP = 1 / 8  # of the length below it


@given(lengths, limits)
def test_no_length_falls(samples, most):
    assert (LengthGrid(most).samples(samples) >= samples).all()
    assert (LengthGrid(most).tokens(samples) >= samples).all()


@given(lengths, limits)
def test_order_stays(samples, most):
    samples.sort()
    assert (np.diff(LengthGrid(most).samples(samples)) >= 0).all()
    assert (np.diff(LengthGrid(most).tokens(samples)) >= 0).all()


@given(lengths, limits)
def test_a_length_of_the_grid_stays(samples, most):
    for rounded in (LengthGrid(most).samples, LengthGrid(most).tokens):
        once = rounded(samples)
        assert (rounded(once) == once).all()


@given(lengths)
def test_steps_are_bounded(samples):
    added = LengthGrid().samples(samples) - samples
    assert (added < np.maximum(UNIT + OFFSET, LONGEST_STEP * samples)).all()
    assert (LengthGrid().tokens(samples) - samples < TOKENS).all()


@given(lengths, st.integers(1, 2**31))
def test_a_cap_keeps_lengths_within_it_and_leaves_others_alone(samples, most):
    free, found = LengthGrid().samples(samples), LengthGrid(most).samples(samples)
    for length, rounded, capped in zip(samples, free, found, strict=True):
        assert capped == (rounded if rounded <= most else max(most, length))


def test_what_is_on_the_grid():
    units = np.unique(LengthGrid().samples(np.arange(1, 70 * UNIT, 100)) - OFFSET) // UNIT
    assert units.tolist() == [*range(1, 17), *range(18, 33, 2), *range(36, 65, 4), 72]


@pytest.mark.parametrize("octave", range(3, 12))
def test_eight_lengths_an_octave(octave):
    low, high = (2**exponent * UNIT + OFFSET for exponent in (octave, octave + 1))
    assert len(np.unique(LengthGrid().samples(np.arange(low + 1, high + 1, 50)))) == 8


def test_lengths_are_whole_eights_of_frames():
    grid = torch.from_numpy(np.unique(LengthGrid().samples(np.arange(1, 500_000, 300))))
    frames = network().encoder.front_end.frames(grid)
    assert (frames % 8 == 0).all()
    assert (network().encoder.front_end.frames(grid - 1) == frames - 1).all()  # not one sample is in vain


def test_one_length_is_as_many():
    assert [int(LengthGrid().samples(length)) for length in (1, 30_000, 100_001)] == \
        LengthGrid().samples(np.array([1, 30_000, 100_001])).tolist() == [2640, 30_800, 102_480]
    assert [int(LengthGrid().tokens(length)) for length in (1, 8, 9)] == [8, 8, 16]
