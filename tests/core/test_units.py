"""Units that pieces begin, against a loop over pieces that remembers whether a word is open."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.core.kinds import BEGINS, CLOSED, JOINS, OPEN
from mgcm_fairseq.core.units import closed_behind, open_behind, unit_starts

KINDS = [begins | behind for begins in (0, BEGINS, JOINS) for behind in (0, OPEN, CLOSED)]
texts = st.lists(st.sampled_from(KINDS), min_size=1, max_size=12)


def test_flags_share_no_bit():
    flags = (BEGINS, JOINS, OPEN, CLOSED)
    assert all(flag.bit_count() == 1 for flag in flags)
    assert len(set(flags)) == 4


def by_hand(kinds):
    """(begins, open behind, closed behind) for each piece."""
    found, behind = [], 0
    for kind in kinds:
        begins = bool(kind & BEGINS) or (bool(kind & JOINS) and behind != OPEN)
        behind = kind & (OPEN | CLOSED) or behind
        found.append((begins, behind == OPEN, behind == CLOSED))
    return found


@given(texts)
def test_as_a_loop_that_remembers(kinds):
    kinds_BU = torch.tensor([kinds])
    found = [one(kinds_BU)[0].tolist() for one in (unit_starts, open_behind, closed_behind)]
    assert list(zip(*found, strict=True)) == by_hand(kinds)


@given(texts, texts)
def test_texts_of_a_batch_and_what_comes_later_do_not_matter(first, second):
    size = max(len(first), len(second))
    padded = torch.tensor([kinds + [0] * (size - len(kinds)) for kinds in (first, second)])
    for row, kinds in enumerate((first, second)):
        assert unit_starts(padded)[row, :len(kinds)].tolist() == unit_starts(torch.tensor([kinds]))[0].tolist()
        assert not unit_starts(padded)[row, len(kinds):].any()


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_where_words_have_spaces_between_them_a_piece_begins_one_or_does_not(begins):
    kinds_BU = torch.tensor([begins]).long() * BEGINS
    assert unit_starts(kinds_BU)[0].tolist() == begins
    assert not closed_behind(kinds_BU).any()
