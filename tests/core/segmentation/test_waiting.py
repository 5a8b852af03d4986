"""Wait-k masks, against loops, and against a policy that reads and writes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.core.segmentation.boundaries import decide
from mgcm_fairseq.core.segmentation.segments import segment_ids
from mgcm_fairseq.core.segmentation.waiting import (
    pieces_written,
    segment_units,
    token_units,
    wait_mask,
    wait_masks,
    words_begun,
)
from tests.core.segmentation import loops
from tests.core.segmentation.inputs import hard

rows = st.lists(st.booleans(), min_size=1, max_size=10)


def counted(positions, batch=1):
    return torch.arange(positions).expand(batch, -1)


def test_by_hand():
    # Segments: frames 0-1, 2-4 and 5.
    boundaries_BT = torch.tensor([[0, 1, 0, 0, 1, 0, 0]]).bool()
    units_BT, lengths_B = segment_units(boundaries_BT), torch.tensor([6])
    assert wait_mask(units_BT, lengths_B, counted(3), 1)[0, 0].long().tolist() == [
        [1, 1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1, 0]]
    units_BT = segment_units(boundaries_BT, published=True)
    assert wait_mask(units_BT, lengths_B, counted(4), 1, published=True)[0, 0].long().tolist() == [
        [1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1, 0]]


@given(rows, st.integers(1, 12), st.integers(1, 5))
def test_a_position_sees_the_first_lag_plus_written_segments(high, lag, positions):
    boundaries_BT = decide(hard([high]), torch.tensor([len(high)])).boundaries
    found = wait_mask(segment_units(boundaries_BT), torch.tensor([len(high)]), counted(positions), lag)[0, 0]
    for i in range(positions):
        assert found[i].tolist() == [sum(loops.runs(high)[:t]) < lag + i for t in range(len(high))]


@given(rows, st.integers(1, 5), st.integers(1, 12))
def test_published_is_the_published_formula(high, lag, positions):
    lengths_B = torch.tensor([len(high)])
    units_BT = segment_units(torch.tensor([high]), published=True)
    found = wait_mask(units_BT, lengths_B, counted(positions), lag, published=True)[0, 0]
    assert found.tolist() == loops.published_waiting(high, lag, positions)
    tokens = wait_mask(token_units(torch.zeros(1, len(high))), lengths_B, counted(positions), lag, published=True)
    assert tokens[0, 0].tolist() == loops.published_token_waiting(len(high), lag, positions)


@given(rows, st.integers(1, 4), st.integers(1, 12))
def test_a_policy_that_masks_what_it_has_read_sees_what_training_saw(high, lag, positions):
    """Reads frame by frame until lag + written segments are complete or the source has ended; then writes."""
    logits_BT = hard([high])
    whole = wait_mask(segment_units(decide(logits_BT, torch.tensor([len(high)])).boundaries), torch.tensor([len(high)]),
                      counted(positions), lag)[0, 0]
    read = 0
    boundaries_BT = torch.zeros(1, 0).bool()
    for written in range(positions):
        while read < len(high) and boundaries_BT.sum() < lag + written:
            read += 1
            boundaries_BT = decide(logits_BT[:, :read], torch.tensor([read])).boundaries
        seen = wait_mask(segment_units(boundaries_BT), torch.tensor([read]), torch.tensor([[written]]), lag)[0, 0, 0]
        assert seen.tolist() == whole[written, :read].tolist()
        assert not whole[written, read:].any()


@given(rows, st.integers(1, 5))
def test_everything_is_seen_once_the_source_has_no_more_segments(high, positions):
    segments = sum(loops.runs(high)) + 1
    found = wait_mask(segment_units(decide(hard([high]), torch.tensor([len(high)])).boundaries),
                      torch.tensor([len(high)]), counted(positions), segments)
    assert found.all()


def test_tokens_by_hand():
    found = wait_mask(token_units(torch.zeros(2, 4)), torch.tensor([4, 2]), counted(3, 2), 2)[:, 0].long()
    assert found[0].tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    assert found[1].tolist() == [[1, 1, 0, 0]] * 3


@pytest.mark.parametrize("published", [True, False])
def test_all_lags_at_once_are_each_of_them(published):
    boundaries_BT = torch.tensor([[0, 1, 0, 1, 1, 0], [1, 0, 0, 1, 0, 0]]).bool()
    given_ = segment_units(boundaries_BT, published), torch.tensor([6, 4]), torch.tensor([[0, 0, 1], [0, 1, 1]])
    found = wait_masks(*given_, 5, published)
    assert found.shape == (5, 2, 1, 3, 6)
    for lag in range(1, 6):
        assert torch.equal(found[lag - 1], wait_mask(*given_, lag, published))


@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize("length", [0, 1, 4])
def test_no_row_is_empty(published, length):
    units_BT = segment_units(torch.ones(1, 4).bool(), published)
    assert wait_mask(units_BT, torch.tensor([length]), counted(3), 1, published).any(-1).all()


def test_padding_is_never_seen():
    units_BT = segment_ids(torch.zeros(2, 6).bool())
    found = wait_mask(units_BT, torch.tensor([6, 2]), counted(3, 2), 9)
    assert found[0].all()
    assert found[1, 0].long().tolist() == [[1, 1, 0, 0, 0, 0]] * 3


@pytest.mark.parametrize("lag", [0, -1])
def test_a_lag_below_one_is_refused(lag):
    with pytest.raises(ValueError, match=f"found {lag}"):
        wait_mask(torch.zeros(1, 3), torch.tensor([3]), counted(1), lag)


def test_written_units_by_hand():
    # <lang> _a b _c d: predictions _a b _c d _e
    starts_BU = torch.tensor([[0, 1, 0, 1, 0]]).bool()
    assert words_begun(starts_BU).tolist() == [[0, 1, 1, 2, 2]]
    assert pieces_written(starts_BU).tolist() == [[0, 1, 2, 3, 4]]


@given(rows)
def test_what_is_written_does_not_depend_on_what_is_to_come(starts):
    for count in (words_begun, pieces_written):
        whole = count(torch.tensor([starts]))
        for end in range(1, len(starts)):
            assert torch.equal(count(torch.tensor([starts[:end]])), whole[:, :end])
