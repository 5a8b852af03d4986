"""Segment ids and the expected segment map, against loops over frames."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.core.segmentation.segments import (
    expected_segment_map,
    log_segment_map,
    segment_ids,
    survival_sums,
)
from tests.core.segmentation import loops
from tests.core.segmentation.inputs import batches, hard, ragged


def expected(p_T, length, segments, most, frames):
    whole = torch.zeros(most, frames, dtype=torch.float64)
    whole[:segments, :length] = loops.segment_map(p_T[:length], segments, absorbing=True)
    return whole


def test_ids_by_hand():
    boundaries_BT = torch.tensor([[0, 0, 1, 0, 1, 1, 0]]).bool()
    assert segment_ids(boundaries_BT).tolist() == [[0, 0, 0, 1, 1, 2, 3]]


@given(batches(), st.data())
def test_the_map_is_the_loop_over_frames(batch, data):
    logits_BT, lengths_B = batch
    segments = [data.draw(st.integers(1, 11)) for _ in lengths_B]
    most = max(segments) + data.draw(st.integers(0, 2))
    found = expected_segment_map(*batch, torch.tensor(segments), most)
    for b, length in enumerate(lengths_B.tolist()):
        wanted = expected(logits_BT[b].sigmoid().tolist(), length, segments[b], most, logits_BT.size(1))
        torch.testing.assert_close(found[b], wanted, rtol=0, atol=1e-10)


def test_the_map_is_the_loop_over_many_frames():
    logits_BT, lengths_B = ragged([300, 180], scale=3)
    found = expected_segment_map(logits_BT, lengths_B, torch.tensor([40, 25]), 40)
    assert found.dtype == torch.float64
    for b, (length, segments) in enumerate([(300, 40), (180, 25)]):
        wanted = expected(logits_BT[b].sigmoid().tolist(), length, segments, 40, 300)
        torch.testing.assert_close(found[b], wanted, rtol=0, atol=1e-10)


@given(batches(), st.integers(1, 11))
def test_log_rows_are_those_of_the_published_map_without_its_clamp(batch, segments):
    logits_BT, lengths_B = batch
    found = log_segment_map(*batch, segments).exp()
    assert found.shape == (len(lengths_B), segments, logits_BT.size(1))
    for b, length in enumerate(lengths_B.tolist()):
        wanted = loops.segment_map(logits_BT[b].sigmoid().tolist()[:length], segments, absorbing=False)
        torch.testing.assert_close(found[b, :, :length], wanted, rtol=0, atol=1e-10)


@given(batches(scale=20.0), st.integers(1, 11))
def test_every_frame_lies_in_some_segment(batch, segments):
    lengths_B = batch[1]
    found = expected_segment_map(*batch, torch.full_like(lengths_B, segments), segments).sum(1)
    for row, length in zip(found, lengths_B, strict=True):
        torch.testing.assert_close(row[:length], torch.ones(int(length)).double(), rtol=0, atol=1e-10)
        assert not row[length:].any()


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_at_hard_logits_the_map_is_that_of_the_segment_ids(high):
    ids = segment_ids(torch.tensor([high]))
    found = expected_segment_map(hard([high]), torch.tensor([len(high)]), torch.tensor([20]), 20)
    torch.testing.assert_close(found.transpose(1, 2), torch.nn.functional.one_hot(ids, 20).double(), rtol=0, atol=1e-12)


def test_the_map_by_hand():
    # p = 1/2: binomials. Two segments: the second keeps what comes later.
    logits_BT, lengths_B = torch.zeros(2, 4).double(), torch.tensor([4, 4])
    found = expected_segment_map(logits_BT, lengths_B, torch.tensor([3, 2]), 3)
    assert found[0].mul(8).tolist() == pytest.approx(torch.tensor([[8, 4, 2, 1], [0, 4, 4, 3], [0, 0, 2, 4]]).double())
    assert found[1].mul(8).tolist() == pytest.approx(torch.tensor([[8, 4, 2, 1], [0, 4, 6, 7], [0, 0, 0, 0]]).double())


@pytest.mark.parametrize("segments", [1, 0, -1])
def test_an_utterance_of_no_segment_counts_as_one(segments):
    logits_BT, lengths_B = ragged([5, 3])
    found = expected_segment_map(logits_BT, lengths_B, torch.tensor([segments, 2]), 2)
    assert found[0].tolist() == [[1] * 5, [0] * 5]


def test_the_map_of_fp32_logits_is_computed_in_fp64():
    logits_BT, lengths_B = ragged([9, 6])
    narrow_BT, segments_B = logits_BT.float(), torch.tensor([3, 2])
    found, wanted = (expected_segment_map(e, lengths_B, segments_B, 3) for e in (narrow_BT, narrow_BT.double()))
    assert torch.equal(found, wanted)


def test_gradients_of_the_map():
    logits_BT, lengths_B = ragged([6, 4])
    segments_B = torch.tensor([3, 2])
    weights = torch.randn(2, 3, 6).double()
    assert torch.autograd.gradcheck(
        lambda e: expected_segment_map(e, lengths_B, segments_B, 3) * weights, logits_BT.requires_grad_())


def test_gradients_of_the_map_are_those_of_the_loop():
    logits_BT, lengths_B = ragged([60], scale=4)
    logits_BT.requires_grad_()
    weights = torch.randn(8, 60).double()
    column = torch.eye(8).double()[0]
    columns = [column]
    for t in range(59):
        p = logits_BT[0, t].sigmoid()
        stay = torch.cat([(1 - p).expand(7), torch.ones(1).double()])
        column = column * stay + torch.cat([torch.zeros(1).double(), column[:-1] * p])
        columns.append(column)
    [wanted] = torch.autograd.grad((torch.stack(columns, 1) * weights).sum(), logits_BT)
    [found] = torch.autograd.grad((expected_segment_map(logits_BT, lengths_B, torch.tensor([8]), 8)[0] * weights).sum(),
                                  logits_BT)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-11)


def test_gradients_of_the_map_are_finite_at_extreme_logits():
    for row in (".|.||..|", "||||||||", "........"):
        logits_BT = hard([row]).requires_grad_()
        found = expected_segment_map(logits_BT, torch.tensor([8]), torch.tensor([3]), 3)
        [gradient] = torch.autograd.grad((found * torch.randn(3, 8)).sum(), logits_BT)
        assert gradient.isfinite().all()


def test_the_map_of_a_frame_does_not_depend_on_it_nor_on_later_ones():
    logits_BT, lengths_B = ragged([7])
    logits_BT.requires_grad_()
    found = expected_segment_map(logits_BT, lengths_B, torch.tensor([4]), 4)
    for t in range(7):
        [gradient] = torch.autograd.grad(found[0, 1, t], logits_BT, retain_graph=True)
        assert not gradient[0, t:].any()
        assert gradient[0, :t].all()


def test_survival_by_hand():
    logits_BT = torch.tensor([[0.0, 3.0, 0.0, 9.0]], dtype=torch.float64)
    found = survival_sums(logits_BT, torch.tensor([3]))
    once, twice = math.log(2), math.log(2) + math.log(1 + math.exp(3))
    assert found[0].tolist() == pytest.approx([0, once, twice, twice + once], abs=1e-12)


def test_survival_is_exact_at_large_logits():
    found = survival_sums(torch.full((1, 1001), 21.0).double(), torch.tensor([1001]))
    assert found[0, -1].item() == pytest.approx(1000 * (21 + math.log1p(math.exp(-21))), abs=1e-9)
