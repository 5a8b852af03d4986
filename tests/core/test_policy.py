"""Read/write decisions on hand-written cases."""

import pytest
import torch

from mgcm_fairseq.core.policy import (
    alignatt,
    edatt,
    local_agreement,
    wait_k_source,
    wait_segment_needed,
    whole_words,
)

# Four pieces over five frames: looking at frames 0, 2, 3 and 1.
ATTENTION = torch.tensor([[.6, .1, .1, .1, .1], [.1, .1, .6, .1, .1], [.1, .1, .1, .6, .1], [.1, .6, .1, .1, .1]])


@pytest.mark.parametrize(("words", "lag", "expected"), [(0, 1, 5120), (0, 3, 15360), (1, 3, 20480), (7, 2, 46080)])
def test_word_t_waits_for_k_plus_t_minus_1_steps(words, lag, expected):
    assert wait_k_source(words, lag, step=5120) == expected


@pytest.mark.parametrize(("words", "lag", "expected"), [(0, 1, 1), (0, 3, 3), (4, 3, 7)])
def test_a_piece_waits_for_k_plus_w_segments(words, lag, expected):
    assert wait_segment_needed(words, lag) == expected


@pytest.mark.parametrize(("hypotheses", "expected"), [
    ([[1, 2, 3], [1, 2, 4]], 2), ([[1, 2], [1, 2, 3]], 2), ([[2, 1], [1, 2]], 0), ([[], [1]], 0), ([[1, 2, 3]], 3),
    ([[1, 2, 3], [1, 2, 3], [1, 5, 3]], 1),
])
def test_hypotheses_agree_up_to_their_first_difference(hypotheses, expected):
    assert local_agreement(hypotheses) == expected


@pytest.mark.parametrize(("frames", "expected"), [(0, 4), (1, 4), (2, 2), (3, 1), (4, 1), (5, 0), (9, 0)])
def test_alignatt_stops_at_the_first_piece_aligned_with_the_last_frames(frames, expected):
    assert alignatt(ATTENTION, frames) == expected


# Without the last frame of 0.1 the rest sums to 0.9: the last two frames have 2/9, 7/9, 7/9, 2/9 of it.
@pytest.mark.parametrize(("frames", "threshold", "expected"), [
    (2, 0.0, 0), (2, 0.2, 0), (2, 0.3, 1), (2, 0.77, 1), (2, 0.78, 4), (1, 0.6, 2), (4, 0.99, 0), (1, 1.1, 4),
])
def test_edatt_stops_at_the_first_piece_that_attends_to_the_last_frames(frames, threshold, expected):
    assert edatt(ATTENTION, frames, threshold) == expected


def test_edatt_stops_at_exactly_the_threshold():
    assert edatt(torch.tensor([[.5, .25, .25, 0.]]), 1, 0.25) == 0


def test_edatt_writes_nothing_at_a_threshold_of_zero_wherever_attention_lies():
    assert edatt(torch.tensor([[0., 0., 1.]]), 1, 0.0) == 0
    assert edatt(torch.tensor([[0., 0., 1.]]), 1, 0.1) == 1


def test_one_frame_is_the_latest_and_its_attention_left_out():
    alone = torch.ones(2, 1)
    assert alignatt(alone, 1) == 0
    assert edatt(alone, 2, 0.1) == 2


@pytest.mark.parametrize(("accepted", "starts", "ended", "expected"), [
    (3, [True, False, True, False], False, 2), (2, [True, False, True], False, 2), (2, [True, False], False, 0),
    (2, [True, False], True, 2), (1, [True, False], True, 0), (0, [True], True, 0), (2, [True, True, True], False, 2),
])
def test_a_word_is_whole_once_the_next_begins_or_the_sentence_ends(accepted, starts, ended, expected):
    assert whole_words(accepted, starts, ended) == expected


@pytest.mark.parametrize(("accepted", "closed", "expected"), [
    (2, [True, False, False], 1), (2, [False, True, False], 2), (2, [False, False, True], 0),
    (3, [False, False, True], 3)])
def test_a_word_is_whole_where_nothing_can_lengthen_it(accepted, closed, expected):
    assert whole_words(accepted, [True, False, False], False, closed) == expected
