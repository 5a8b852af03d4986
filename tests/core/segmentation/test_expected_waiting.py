"""Expected wait-k masks: the sum over all decisions, each with its probability."""

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.core.segmentation.boundaries import decide_frames, decide_streaks
from mgcm_fairseq.core.segmentation.expected_waiting import expected_waiting
from mgcm_fairseq.core.segmentation.padding import LOG_ZERO
from mgcm_fairseq.core.segmentation.segments import segment_ids
from mgcm_fairseq.core.segmentation.streaks import start_logits
from mgcm_fairseq.core.segmentation.variants import VARIANTS
from mgcm_fairseq.core.segmentation.waiting import visible_units
from tests.core.segmentation.inputs import batches, hard, ragged


@given(batches(), st.integers(1, 4), st.integers(1, 4))
def test_it_is_the_mean_over_all_decisions(batch, lag, positions):
    logits_BT, lengths_B = batch
    logits_BT = logits_BT[:, :7]
    lengths_B = lengths_B.clamp(max=logits_BT.size(1))
    written_BU = torch.arange(positions).expand(len(lengths_B), -1)
    found = expected_waiting(logits_BT, lengths_B, written_BU, lag, torch.float64)
    for b, length in enumerate(lengths_B.tolist()):
        decisions = torch.tensor(list(product([False, True], repeat=length)))
        p_T = logits_BT[b, :length].sigmoid()
        chances = torch.where(decisions, p_T, 1 - p_T).prod(1)
        masks = visible_units(segment_ids(decisions), torch.full((len(decisions),), length),
                              lag + written_BU[:1].expand(len(decisions), -1))
        wanted = (chances[:, None, None, None] * masks).sum(0)
        torch.testing.assert_close(found[b, :, :, :length].exp(), wanted, rtol=0, atol=1e-10)
        assert found[b, :, :, length:].eq(LOG_ZERO).all()


@pytest.mark.parametrize("decide", [decide_frames, decide_streaks])
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 4), st.integers(1, 4))
def test_hard_is_soft_at_extreme_logits(decide, high, lag, positions):
    logits_BT, lengths_B = hard([high]), torch.tensor([len(high)])
    written_BU = torch.arange(positions).unsqueeze(0)
    soft = start_logits(logits_BT, lengths_B) if decide is decide_streaks else logits_BT
    found = expected_waiting(soft, lengths_B, written_BU, lag, torch.float64)
    mask = visible_units(segment_ids(decide(logits_BT, lengths_B).boundaries), lengths_B, lag + written_BU)
    torch.testing.assert_close(found.exp(), mask.double(), rtol=0, atol=1e-12)


def test_gradients():
    logits_BT, lengths_B = ragged([6, 4])
    written_BU = torch.tensor([[0, 1, 1], [0, 0, 1]])
    assert torch.autograd.gradcheck(lambda e: expected_waiting(e, lengths_B, written_BU, 1, torch.float64),
                                    logits_BT.requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("scale", [1, 100])
def test_values_and_gradients_are_finite(dtype, scale):
    logits_BT = hard([".|.||..|" * 20, "||||||||" * 20, "........" * 20], dtype) * scale
    logits_BT.requires_grad_()
    found = expected_waiting(logits_BT, torch.tensor([160, 9, 160]), torch.arange(5).expand(3, -1), 2, dtype)
    assert found.dtype == dtype
    assert found.isfinite().all()
    assert (found >= LOG_ZERO).all()
    [gradient] = torch.autograd.grad(found.float().softmax(-1).square().sum(), logits_BT)
    assert gradient.isfinite().all()


def test_a_frame_is_seen_through_the_boundaries_before_it_alone():
    logits_BT, lengths_B = ragged([6])
    bias = expected_waiting(logits_BT.requires_grad_(), lengths_B, torch.tensor([[0, 1]]), 1, torch.float64)[0, 0]
    for t in range(6):
        [gradient] = torch.autograd.grad(bias[1, t], logits_BT, retain_graph=True)
        assert gradient[0].abs().gt(1e-12).tolist() == [before < t and t > 1 for before in range(6)]


def test_a_lag_below_one_is_refused():
    with pytest.raises(ValueError, match="found 0"):
        expected_waiting(torch.zeros(1, 3), torch.tensor([3]), torch.zeros(1, 1).long(), 0, torch.float32)


def test_no_row_is_empty():
    found = expected_waiting(torch.ones(1, 4), torch.tensor([0]), torch.zeros(1, 2).long(), 1, torch.float32)
    assert (found == 0).any(-1).all()


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_a_variant_says_whether_its_mask_is_waited_for_in_expectation(variant):
    logits_BT = hard([".|..|...|..|..."])
    lengths_B = torch.tensor([15])
    written_BU = variant.units_written(torch.tensor([[False, True, False, True]]))
    units_BT = variant.frame_units(variant.decide(logits_BT, lengths_B).boundaries)
    found = expected_waiting(variant.counted(logits_BT, lengths_B), lengths_B, written_BU, 1, torch.float64) > -30
    same = torch.equal(found, variant.wait_mask(units_BT, lengths_B, written_BU, 1))
    assert variant.waits_in_expectation == same
