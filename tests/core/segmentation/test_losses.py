"""Losses of the segmenter, against loops."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.core.segmentation.boundaries import probabilities
from mgcm_fairseq.core.segmentation.losses import contrastive_losses, segment_number_losses, segment_number_norms
from mgcm_fairseq.core.segmentation.variants import VARIANTS
from tests.core.segmentation import loops
from tests.core.segmentation.inputs import batches, ragged


def with_words(batch, data):
    logits_BT, lengths_B = batch
    return logits_BT.sigmoid(), lengths_B, torch.tensor([data.draw(st.integers(0, 11)) for _ in lengths_B])


@given(batches(), st.data())
def test_segment_number_of_each_sentence(batch, data):
    p_BT, lengths_B, words_B = with_words(batch, data)
    found = segment_number_losses(p_BT, lengths_B, words_B)
    for b, length in enumerate(lengths_B.tolist()):
        assert found[b].item() == pytest.approx(loops.segment_number(p_BT[b, :length].tolist(), words_B[b].item()),
                                                abs=1e-10)


@given(batches(), st.data())
def test_published_segment_number(batch, data):
    p_BT, lengths_B, words_B = with_words(batch, data)
    padded_B = torch.full_like(lengths_B, p_BT.size(1))
    found = segment_number_norms(p_BT, padded_B, words_B)
    assert found.item() == pytest.approx(loops.published_segment_number(p_BT.tolist(), words_B.tolist()), abs=1e-10)


def test_segment_number_by_hand():
    p_BT = torch.tensor([[0.5, 0.25, 0.0, 1.0, 0.5, 9.0], [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]])
    lengths_B, words_B = torch.tensor([5, 6]), torch.tensor([2, 3])
    # slots of 2: 0.5 + 1, frame 4 in none; sum 2.25. Slots of 2: 1 + 1 + 1; sum 3.
    assert segment_number_losses(p_BT, lengths_B, words_B).tolist() == [0.25 + 0.5, 0]
    # n = 1, 2: slots of 5 and 3: peaks 1 and 2; sums off by 1.25 and 1.
    assert segment_number_norms(p_BT, lengths_B, words_B).item() == pytest.approx(
        math.hypot(1.25, 1) + 1e-3)
    words_B = torch.tensor([3, 2])
    # n = 2, 1: slots of 2 and 6: peaks 1.5 and 1; sums off by 0.25 and 2; weights 5/2 and 6.
    assert segment_number_norms(p_BT, lengths_B, words_B).item() == pytest.approx(
        math.hypot(0.25, 2) + math.sqrt(0.25 * 2.5 + 1e-6))


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_a_variant_says_whether_its_number_of_segments_is_counted_over_the_batch(variant):
    p_BT, lengths_B, words_B = torch.rand(2, 9, dtype=torch.float64), torch.tensor([9, 6]), torch.tensor([3, 4])
    whole = variant.segment_number_loss(p_BT, lengths_B, words_B)
    each = [variant.segment_number_loss(*one) for one in zip(p_BT.split(1), lengths_B.split(1), words_B.split(1),
                                                             strict=True)]
    assert torch.isclose(whole, sum(each)).item() != variant.counts_over_the_batch


@pytest.mark.parametrize("loss", [segment_number_losses, segment_number_norms])
def test_gradients_of_segment_number(loss):
    logits_BT, lengths_B = ragged([9, 6])
    words_B = torch.tensor([3, 4])
    assert torch.autograd.gradcheck(
        lambda e: loss(probabilities(e, lengths_B), lengths_B, words_B),
        logits_BT.requires_grad_())


def test_gradients_of_segment_number_are_finite_where_it_vanishes():
    for rows in ([[1.0, 0, 1, 0]], [[0.0, 0, 0, 0]]):
        p_BT = torch.tensor(rows, requires_grad=True)
        words_B = torch.tensor([round(sum(rows[0]))])
        for loss in (segment_number_losses, segment_number_norms):
            [gradient] = torch.autograd.grad(loss(p_BT, torch.tensor([4]), words_B).sum(), p_BT)
            assert gradient.isfinite().all()


def test_a_burst_costs_what_even_boundaries_do_not():
    even, burst, small = [0, 0, 0, 1] * 3, [0, 0, 1, 1, 1, 0] + [0] * 6, [0.25] * 12
    p_BT = torch.tensor([even, burst, small], dtype=torch.float64)
    found = segment_number_losses(p_BT, torch.tensor([12] * 3), torch.tensor([3] * 3))
    assert found.tolist() == pytest.approx([0, 1, 2.25])


def test_padding_cannot_hide_boundaries():
    p_BT = torch.tensor([[0.0, 0, 0, 1, 1, 1]])
    assert segment_number_losses(p_BT, torch.tensor([3]), torch.tensor([3])).item() == 6


@given(st.integers(1, 4), st.integers(0, 5), st.integers(0, 100))
def test_contrastive_of_each_sentence(batch, most, seed):
    generator = torch.Generator().manual_seed(seed)
    f_BKD, g_BKD = (torch.randn(batch, 6, 4, generator=generator).double() for _ in range(2))
    words_B = torch.randint(0, most + 1, (batch,), generator=generator)
    found = contrastive_losses(f_BKD, g_BKD, words_B)
    wanted = [loops.contrastive(f, g, k) for f, g, k in zip(f_BKD, g_BKD, words_B.tolist(), strict=True)]
    assert found.tolist() == pytest.approx(wanted, abs=1e-10)


def test_contrastive_by_hand():
    f_BKD = torch.tensor([[[1.0, 0], [0, 1]], [[3, 4], [0, 0]]])
    g_BKD = torch.tensor([[[2.0, 0], [0, 5]], [[4, 3], [9, 9]]])
    # cosines 1 and 0, temperature 0.1: -log(e^10 / (e^10 + 1)) twice; a sentence of one word costs nothing.
    found = contrastive_losses(f_BKD, g_BKD, torch.tensor([2, 1]))
    assert found.tolist() == pytest.approx([2 * math.log1p(math.exp(-10)), 0], abs=1e-6)


def test_gradients_of_contrastive():
    f_BKD, g_BKD = (torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda f, g: contrastive_losses(f, g, torch.tensor([3, 2])), (f_BKD, g_BKD))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_contrastive_is_finite_for_large_small_and_absent_vectors(dtype):
    f_BKD = torch.tensor([[[6e4, -6e4], [1e-7, 0], [0, 0]], [[0, 0], [0, 0], [0, 0]]], dtype=dtype, requires_grad=True)
    g_BKD = torch.randn(2, 3, 2).to(dtype).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = contrastive_losses(f_BKD, g_BKD, torch.tensor([3, 0]))
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert found[1] == 0
    gradients = torch.autograd.grad(found.sum(), [f_BKD, g_BKD])
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert not any(gradient[1].any() for gradient in gradients)
