"""The longest segment: forced boundaries against a loop over frames, in parts, and in expectation."""

import pytest
import torch

from mgcm_fairseq.core.segmentation import (
    VARIANTS,
    expected_visibility,
    forced_boundaries,
    hard_visibility,
    segment_starts,
    with_forced,
    within_history,
)

REPAIRED = VARIANTS["repaired"]


def by_hand(boundaries, longest):
    forced, since = [], 0
    for decided in boundaries:
        since += 1
        forced.append(not decided and since == longest)
        if decided or since == longest:
            since = 0
    return forced, since


def drawn(frames=40, rate=0.15, rows=20):
    return torch.rand(rows, frames, generator=torch.Generator().manual_seed(frames)) < rate


@pytest.mark.parametrize("longest", [1, 2, 5, 7, 100])
def test_each_segment_has_so_many_frames_at_most(longest):
    boundaries_BT = drawn()
    lengths_B = torch.randint(0, 41, (20,))
    boundaries_BT &= torch.arange(40) < lengths_B.unsqueeze(1)
    found = forced_boundaries(boundaries_BT, lengths_B, longest)
    for row, length in enumerate(lengths_B.tolist()):
        forced, since = by_hand(boundaries_BT[row, :length].tolist(), longest)
        assert found.boundaries[row].tolist() == forced + [False] * (40 - length)
        assert found.since[row] == since


@pytest.mark.parametrize("step", [1, 3, 8])
def test_in_parts_they_are_the_same(step):
    boundaries_BT = drawn()
    whole = forced_boundaries(boundaries_BT, torch.full((20,), 40), 5)
    since_B, found = None, []
    for piece_BT in boundaries_BT.split(step, 1):
        part = forced_boundaries(piece_BT, torch.full((20,), piece_BT.size(1)), 5, since_B)
        since_B = part.since
        found.append(part.boundaries)
    assert torch.equal(torch.cat(found, 1), whole.boundaries)
    assert torch.equal(since_B, whole.since)
    empty = forced_boundaries(boundaries_BT[:, :0], torch.zeros(20, dtype=torch.long), 5, since_B)
    assert torch.equal(empty.since, since_B)


def test_first_frames_of_segments():
    boundaries_BT = drawn()
    for row, starts in zip(boundaries_BT.tolist(), segment_starts(boundaries_BT).tolist(), strict=True):
        expected = [max([index + 1 for index in range(frame) if row[index]], default=0) for frame in range(len(row))]
        assert starts == expected


@pytest.mark.parametrize("history", [0, 1, 4, 39, 40, 100])
def test_a_frame_sees_its_history_and_no_more(history):
    boundaries_BT, lengths_B = drawn(rows=3), torch.tensor([40, 40, 33])
    visible = hard_visibility(boundaries_BT, lengths_B, history)[:, 0]
    everything, starts = hard_visibility(boundaries_BT, lengths_B)[:, 0], segment_starts(boundaries_BT)
    for row in range(3):
        for query in range(int(lengths_B[row])):
            for key in range(40):
                near = history == 0 or key >= starts[row, query] - history
                assert visible[row, query, key] == (everything[row, query, key] and near)
    assert visible[:2].any(2).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_at_hard_logits_the_expectation_is_the_decision(variant):
    e_BT = torch.where(drawn(rows=4, rate=0.3), 900.0, -900.0).double()
    lengths_B = torch.tensor([40, 40, 21, 30])
    made = VARIANTS[variant]
    decided = made.decide(e_BT, lengths_B).boundaries
    forced = forced_boundaries(decided, lengths_B, 3)
    boundaries = decided | forced.boundaries
    counted = with_forced(made.counted(e_BT, lengths_B), forced.boundaries)
    bias = expected_visibility(counted, lengths_B, torch.float64)
    bias = within_history(bias, segment_starts(boundaries), 6, -1e4)
    assert forced.boundaries.any()
    assert torch.equal(bias > -20, hard_visibility(boundaries, lengths_B, 6))


def test_a_forced_boundary_has_no_gradient_and_the_others_have():
    e_BT = torch.randn(1, 9, dtype=torch.float64, requires_grad=True)
    forced_BT = torch.zeros(1, 9, dtype=torch.bool)
    forced_BT[0, 4] = True
    expected_visibility(with_forced(e_BT, forced_BT), torch.tensor([9]), torch.float64).exp().sum().backward()
    assert e_BT.grad[0, 4] == 0
    assert (e_BT.grad[0, :4] != 0).all()
