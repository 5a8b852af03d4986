"""Streaks of equal labels against loops over frames."""

from itertools import groupby

import pytest
import torch

from mgcm_fairseq.core.ctc_streaks import at_last_frames, streak_counts, streak_ends, streak_ids, streak_starts
from mgcm_fairseq.core.segmentation import pool_words


def grouped(labels):
    """(first frame, frame behind) of each streak."""
    found, start = [], 0
    for _, group in groupby(labels):
        size = len(list(group))
        found.append((start, start + size))
        start += size
    return found


def test_the_first_frames_that_are_kept():
    ids = streak_ids(torch.tensor([[0, 0, 5, 5, 0, 7]]), torch.tensor([6]))
    assert streak_counts(ids).tolist() == [4]
    assert streak_starts(ids, 4).tolist() == [[0, 2, 4, 5]]
    assert streak_ends(ids, torch.tensor([6]), 4).tolist() == [[2, 4, 5, 6]]


def test_blanks_join_the_piece_before_them():
    ids = streak_ids(torch.tensor([[0, 0, 5, 5, 0, 5, 7, 0]]), torch.tensor([8]), joining=0)
    assert ids.tolist() == [[0, 0, 1, 1, 1, 2, 3, 3]]


@pytest.mark.parametrize("seed", range(5))
def test_they_are_what_a_loop_finds(seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (6, 17), generator=generator)
    lengths = torch.tensor([17, 1, 9, 2, 16, 0])
    ids = streak_ids(labels, lengths)
    counts = streak_counts(ids)
    most = int(counts.max()) + 2
    starts, ends = streak_starts(ids, most), streak_ends(ids, lengths, most)
    features = torch.randn(6, 17, 3, generator=generator, dtype=torch.float64)
    means = pool_words(features, ids, lengths, most)
    for row, length in enumerate(lengths.tolist()):
        expected = grouped(labels[row, :length].tolist())
        assert counts[row] == max(1, len(expected))
        found = list(zip(starts[row].tolist(), ends[row].tolist(), strict=True))
        assert found[:len(expected)] == expected
        assert ends[row, len(expected):].eq(length).all()
        for streak, (start, end) in enumerate(expected):
            torch.testing.assert_close(means[row, streak], features[row, start:end].mean(0), atol=1e-12, rtol=0)
        if length:
            assert ids[row, length:].eq(counts[row] - 1).all()


def test_a_streak_has_its_weight_at_its_last_frame():
    weights = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])
    assert at_last_frames(weights, torch.tensor([2, 3, 6])).tolist() == torch.tensor(
        [[0, 0.5, 0.3, 0, 0, 0.2], [0, 0.1, 0.8, 0, 0, 0.1]]).tolist()
