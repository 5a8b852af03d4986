"""Vectors of segments and of words, against loops."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.core.segmentation.pooling import pool_segments, pool_words, word_ids
from mgcm_fairseq.core.segmentation.segments import expected_segment_map
from tests.core.segmentation import loops
from tests.core.segmentation.inputs import batches, hard, ragged


@given(batches(), st.integers(1, 6))
def test_segments_are_weighted_means(batch, segments):
    logits_BT, lengths_B = batch
    features_BTD = torch.randn(*logits_BT.shape, 3).double()
    map_BKT = expected_segment_map(*batch, torch.full_like(lengths_B, segments), segments)
    found = pool_segments(map_BKT, features_BTD)
    for b, length in enumerate(lengths_B.tolist()):
        weights = loops.segment_map(logits_BT[b, :length].sigmoid().tolist(), segments, absorbing=True)
        for k in range(segments):
            wanted = (weights[k] @ features_BTD[b, :length]) / max(weights[k].sum().item(), 1e-6)
            torch.testing.assert_close(found[b, k], wanted, rtol=0, atol=1e-10)


def test_hard_segments_by_hand():
    logits_BT, lengths_B = hard([".|..|||"]), torch.tensor([5])
    features_BTD = torch.arange(7.0).view(1, 7, 1).double()
    found = pool_segments(expected_segment_map(logits_BT, lengths_B, torch.tensor([3]), 3), features_BTD)
    assert found.flatten().tolist() == pytest.approx([0.5, 3, 0])  # frames 0-1 and 2-4; the third has none


def test_words_by_hand():
    starts_BU = torch.tensor([[0, 1, 0, 1, 1, 0], [1, 0, 1, 0, 0, 0]]).bool()
    ids_BU = word_ids(starts_BU)
    assert ids_BU.tolist() == [[-1, 0, 0, 1, 2, 2], [0, 0, 1, 1, 1, 1]]
    embedded_BUD = torch.arange(12.0).view(2, 6, 1)
    found = pool_words(embedded_BUD, ids_BU, torch.tensor([6, 4]), 4)
    assert found.squeeze(2).tolist() == [[1.5, 3, 4.5, 0], [6.5, 8.5, 0, 0]]


def test_gradients():
    logits_BT, lengths_B = ragged([5, 3])
    segments_B = torch.tensor([3, 2])
    features_BTD = torch.randn(2, 5, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda e, h: pool_segments(expected_segment_map(e, lengths_B, segments_B, 3), h),
        (logits_BT.requires_grad_(), features_BTD))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_pooled_in_fp32(dtype):
    features_BTD = torch.full((1, 3000, 1), 60000.0 if dtype == torch.float16 else 1.0, dtype=dtype, requires_grad=True)
    lengths_B = torch.tensor([3000])
    logits_BT = torch.full((1, 3000), -8.0, dtype=dtype, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = pool_segments(expected_segment_map(logits_BT, lengths_B, torch.tensor([2]), 2), features_BTD)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, features_BTD[:, :2].float(), rtol=1e-5, atol=0)
    gradients = torch.autograd.grad(found.sum(), [features_BTD, logits_BT])
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_an_utterance_has_the_same_vectors_in_any_batch():
    logits_BT, lengths_B = ragged([9, 4])
    features_BTD = torch.randn(2, 9, 3).double()
    together = pool_segments(expected_segment_map(logits_BT, lengths_B, torch.tensor([6, 2]), 6), features_BTD)
    alone = pool_segments(expected_segment_map(logits_BT[1:, :4], lengths_B[1:], torch.tensor([2]), 2),
                          features_BTD[1:, :4])
    torch.testing.assert_close(together[1, :2], alone[0], rtol=0, atol=1e-12)
    assert not together[1, 2:].any()
