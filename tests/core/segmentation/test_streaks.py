"""Streaks that count once, in expectation."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.core.segmentation.boundaries import decide_streaks, probabilities
from mgcm_fairseq.core.segmentation.streaks import start_logits
from tests.core.segmentation import loops
from tests.core.segmentation.inputs import batches, hard, ragged


@given(batches())
def test_start_probability_is_that_of_a_boundary_after_none(batch):
    logits_BT, lengths_B = batch
    found = start_logits(*batch).sigmoid()
    for b, length in enumerate(lengths_B.tolist()):
        p = [loops.sigmoid(e) for e in logits_BT[b, :length].tolist()]
        expected = [p[t] * (1 - p[t - 1]) if t else p[0] for t in range(length)]
        torch.testing.assert_close(found[b, :length], torch.tensor(expected, dtype=torch.float64), rtol=1e-11, atol=0)


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_at_hard_logits_starts_are_the_merged_decisions(high):
    lengths_B = torch.tensor([len(high)])
    found = start_logits(hard([high]), lengths_B)
    decided = decide_streaks(hard([high]), lengths_B).boundaries
    assert torch.equal(found > 0, decided)
    assert (found.abs() > 59).all()
    assert probabilities(found, lengths_B).sum().item() == pytest.approx(sum(loops.streaks(high)), abs=1e-12)


def test_by_hand():
    # p = 1/2, 1/2, 3/4: q = 1/2, 1/4, 3/8; logits log 1, log 1/3, log 3/5.
    e = torch.tensor([[1.0, 1.0, 3.0]], dtype=torch.float64).log()
    expected = torch.tensor([[1.0, 1 / 3, 3 / 5]], dtype=torch.float64).log()
    torch.testing.assert_close(start_logits(e, torch.tensor([3])), expected, rtol=1e-12, atol=1e-12)


def test_gradients():
    logits_BT, lengths_B = ragged([5, 3])
    assert torch.autograd.gradcheck(lambda e: start_logits(e, lengths_B)[:, :3], logits_BT.requires_grad_())


def test_gradients_are_finite_at_extreme_logits():
    logits_BT = hard([".|.||..|", "||||....", "........"]).requires_grad_()
    for lengths in ([8, 8, 8], [8, 5, 1]):
        [gradient] = torch.autograd.grad(start_logits(logits_BT, torch.tensor(lengths)).sum(), logits_BT)
        assert gradient.isfinite().all()
        assert gradient.any()
