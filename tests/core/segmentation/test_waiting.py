"""Wait-k masks, against loops, and against a policy that reads and writes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.core.segmentation.boundaries import decide_streaks
from mgcm_fairseq.core.segmentation.segments import segment_ids
from mgcm_fairseq.core.segmentation.variants import VARIANTS
from mgcm_fairseq.core.segmentation.waiting import positions, units_seen, visible_units, words_begun
from tests.core.segmentation import loops
from tests.core.segmentation.inputs import hard

REPAIRED, PUBLISHED = VARIANTS["repaired"], VARIANTS["published"]

rows = st.lists(st.booleans(), min_size=1, max_size=10)


def counted(targets, batch=1):
    return torch.arange(targets).expand(batch, -1)


def test_by_hand():
    # Segments: frames 0-1, 2-4 and 5.
    boundaries_BT = torch.tensor([[0, 1, 0, 0, 1, 0, 0]]).bool()
    units_BT, lengths_B = REPAIRED.frame_units(boundaries_BT), torch.tensor([6])
    assert REPAIRED.wait_mask(units_BT, lengths_B, counted(3), 1)[0, 0].long().tolist() == [
        [1, 1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1, 0]]
    units_BT = PUBLISHED.frame_units(boundaries_BT)
    assert PUBLISHED.wait_mask(units_BT, lengths_B, counted(4), 1)[0, 0].long().tolist() == [
        [1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1, 0]]


@given(rows, st.integers(1, 12), st.integers(1, 5))
def test_a_position_sees_the_first_lag_plus_written_segments(high, lag, targets):
    boundaries_BT = REPAIRED.decide(hard([high]), torch.tensor([len(high)])).boundaries
    found = REPAIRED.wait_mask(REPAIRED.frame_units(boundaries_BT), torch.tensor([len(high)]), counted(targets), lag)
    for i in range(targets):
        assert found[0, 0, i].tolist() == [sum(loops.streaks(high)[:t]) < lag + i for t in range(len(high))]


@given(rows, st.integers(1, 5), st.integers(1, 12))
def test_published_is_the_published_formula(high, lag, targets):
    lengths_B = torch.tensor([len(high)])
    units_BT = PUBLISHED.frame_units(torch.tensor([high]))
    found = PUBLISHED.wait_mask(units_BT, lengths_B, counted(targets), lag)[0, 0]
    assert found.tolist() == loops.published_waiting(high, lag, targets)
    tokens = PUBLISHED.wait_mask(PUBLISHED.token_units(torch.tensor([high])), lengths_B, counted(targets), lag)
    assert tokens[0, 0].tolist() == loops.published_token_waiting(len(high), lag, targets)


def mask(logits_BT, lag, written_BU):
    """(U, T) of one utterance without padding."""
    lengths_B = torch.tensor([logits_BT.size(1)])
    units_BT = REPAIRED.frame_units(REPAIRED.decide(logits_BT, lengths_B).boundaries)
    return REPAIRED.wait_mask(units_BT, lengths_B, written_BU, lag)[0, 0]


@given(rows, st.integers(1, 4), st.integers(1, 12))
def test_a_policy_that_masks_what_it_has_read_sees_what_training_saw(high, lag, targets):
    """Reads frame by frame until lag + written segments are complete or the source has ended; then writes."""
    logits_BT = hard([high])
    whole = mask(logits_BT, lag, counted(targets))
    read = 0
    boundaries_BT = torch.zeros(1, 0).bool()
    for written in range(targets):
        while read < len(high) and boundaries_BT.sum() < lag + written:
            read += 1
            boundaries_BT = decide_streaks(logits_BT[:, :read], torch.tensor([read])).boundaries
        seen = mask(logits_BT[:, :read], lag, torch.tensor([[written]]))[0]
        assert seen.tolist() == whole[written, :read].tolist()
        assert not whole[written, read:].any()


@given(rows, st.integers(1, 5))
def test_everything_is_seen_once_the_source_has_no_more_segments(high, targets):
    segments = sum(loops.streaks(high)) + 1
    assert mask(hard([high]), segments, counted(targets)).all()


def test_tokens_by_hand():
    found = visible_units(positions(torch.zeros(2, 4)), torch.tensor([4, 2]), 2 + counted(3, 2))[:, 0].long()
    assert found[0].tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    assert found[1].tolist() == [[1, 1, 0, 0]] * 3


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("length", [0, 1, 4])
def test_no_row_is_empty(variant, length):
    units_BT = variant.frame_units(torch.ones(1, 4).bool())
    assert variant.wait_mask(units_BT, torch.tensor([length]), counted(3), 1).any(-1).all()


def test_padding_is_never_seen():
    units_BT = segment_ids(torch.zeros(2, 6).bool())
    found = visible_units(units_BT, torch.tensor([6, 2]), 9 + counted(3, 2))
    assert found[0].all()
    assert found[1, 0].long().tolist() == [[1, 1, 0, 0, 0, 0]] * 3


@pytest.mark.parametrize("lag", [0, -1])
def test_a_lag_below_one_is_refused(lag):
    with pytest.raises(ValueError, match=f"found {lag}"):
        units_seen(counted(1), lag)


def test_written_units_by_hand():
    # <lang> _a b _c d: predictions _a b _c d _e
    starts_BU = torch.tensor([[0, 1, 0, 1, 0]]).bool()
    assert words_begun(starts_BU).tolist() == [[0, 1, 1, 2, 2]]
    assert PUBLISHED.units_written(starts_BU).tolist() == [[1, 2, 3, 4, 5]]


@given(rows)
def test_what_is_written_does_not_depend_on_what_is_to_come(starts):
    for count in (variant.units_written for variant in VARIANTS.values()):
        whole = count(torch.tensor([starts]))
        for end in range(1, len(starts)):
            assert torch.equal(count(torch.tensor([starts[:end]])), whole[:, :end])
