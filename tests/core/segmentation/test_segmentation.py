"""What holds for every function of boundary logits: padding, batches, half precision, and nothing read back."""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensor, FakeTensorMode

from mgcm_fairseq.core.segmentation import (
    VARIANTS,
    contrastive_losses,
    decide_streaks,
    expected_segment_map,
    expected_visibility,
    expected_waiting,
    hard_visibility,
    noisy_logits,
    pool_segments,
    pool_words,
    probabilities,
    segment_number_losses,
    segment_number_norms,
    start_logits,
    word_ids,
    words_begun,
)
from tests.core.segmentation.inputs import ragged


def written(logits_BT):
    return torch.arange(3, device=logits_BT.device).expand(logits_BT.size(0), -1)


def map_of(logits_BT, lengths_B):
    return expected_segment_map(logits_BT, lengths_B, ((lengths_B + 1) // 2).clamp(max=6), 6)


SOFT = {  # (B, ...) of (B, T) logits and (B,) lengths; the last dimensions may be frames
    "probabilities": probabilities,
    "noise": lambda e, n: probabilities(noisy_logits(e, 0.0), n),
    "starts": lambda e, n: probabilities(start_logits(e, n), n),
    "visibility": lambda e, n: expected_visibility(e, n, torch.float32).exp(),
    "visibility of starts": lambda e, n: expected_visibility(start_logits(e, n), n, torch.float32).exp(),
    "waiting": lambda e, n: expected_waiting(e, n, written(e), 1, torch.float32).exp(),
    "map": map_of,
    "pooling": lambda e, n: pool_segments(map_of(e, n), torch.ones(*e.shape, 2, device=e.device).cumsum(1)),
    "segment number": lambda e, n: segment_number_losses(probabilities(e, n), n, n // 2),
    "contrastive": lambda e, n: contrastive_losses(map_of(e, n)[..., :3], map_of(e, n)[..., 1:4], n // 2),
}


def waiting(name):
    variant = VARIANTS[name]
    return lambda e, n: variant.wait_mask(variant.frame_units(variant.decide(e, n).boundaries), n, written(e), 1)


HARD = {
    "decisions": lambda e, n: decide_streaks(e, n).boundaries,
    "hard visibility": lambda e, n: hard_visibility(decide_streaks(e, n).boundaries, n),
    "repaired waiting": waiting("repaired"),
    "published waiting": waiting("published"),
}


def cut(found, frames, padded):
    """Without the padded frames, wherever a dimension has that size."""
    for dim, size in enumerate(found.shape):
        if dim and size == padded:
            found = found.narrow(dim, 0, frames)
    return found


@pytest.mark.parametrize("name", SOFT | HARD)
def test_an_utterance_is_the_same_alone_and_in_a_padded_batch(name):
    function = (SOFT | HARD)[name]
    logits_BT, lengths_B = ragged([11, 7, 4, 8], dtype=torch.float32)
    together = function(logits_BT, lengths_B)
    for b, length in enumerate(lengths_B.tolist()):
        alone = function(logits_BT[b:b + 1, :length], lengths_B[b:b + 1])[0]
        torch.testing.assert_close(cut(together[b:b + 1], length, 11)[0].float(), alone.float(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("padding", [float("nan"), float("inf"), -float("inf"), 60.0])
@pytest.mark.parametrize("name", SOFT)
def test_padding_gets_no_gradient_whatever_stands_there(name, padding):
    logits_BT, lengths_B = ragged([9, 6])
    logits_BT[1, 6:] = padding
    found = SOFT[name](logits_BT.requires_grad_(), lengths_B)
    assert found.isfinite().all()
    [gradient] = torch.autograd.grad((found * torch.randn_like(found)).sum(), logits_BT)
    assert gradient.isfinite().all()
    assert not gradient[1, 6:].any()
    assert gradient[1, :5].any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("scale", [1.0, 60.0])
@pytest.mark.parametrize("name", SOFT)
def test_half_precision_gives_finite_values_and_gradients(name, scale, dtype):
    logits_BT, lengths_B = ragged([300, 200], scale, dtype=dtype)
    found = SOFT[name](logits_BT.requires_grad_(), lengths_B)
    assert found.dtype in (torch.float32, torch.float64)
    assert found.isfinite().all()
    [gradient] = torch.autograd.grad(found.sum() + found.square().sum(), logits_BT)
    assert gradient.dtype == dtype
    assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", SOFT)
def test_half_precision_costs_only_the_rounding_of_the_logits(name, dtype):
    logits_BT, lengths_B = ragged([30, 20], dtype=dtype)
    wide = SOFT[name](logits_BT.float(), lengths_B)
    torch.testing.assert_close(SOFT[name](logits_BT, lengths_B), wide, rtol=0, atol=0)


@pytest.mark.parametrize("name", SOFT | HARD)
def test_nothing_is_read_back_from_the_device(name):
    with FakeTensorMode():
        logits_BT = torch.zeros(2, 9, requires_grad=name in SOFT)
        found = (SOFT | HARD)[name](logits_BT, torch.zeros(2).long())
        assert isinstance(found, FakeTensor)
        if name in SOFT:
            assert isinstance(torch.autograd.grad(found.sum(), logits_BT)[0], FakeTensor)


def test_nor_by_the_rest():
    with FakeTensorMode():
        p_BT, lengths_B = torch.zeros(2, 9, requires_grad=True), torch.zeros(2).long()
        segment_number_norms(p_BT, lengths_B, lengths_B).backward()
        for variant in VARIANTS.values():
            variant.segment_number_loss(p_BT, lengths_B, lengths_B).backward()
        starts_BU = torch.zeros(2, 5).bool()
        words_begun(starts_BU)
        pool_words(torch.zeros(2, 5, 3), word_ids(starts_BU), lengths_B, 4)


def test_a_function_that_reads_a_value_is_caught():
    with FakeTensorMode(), pytest.raises(DataDependentOutputException):
        map_of(torch.zeros(2, 9), torch.zeros(2).long()).sum().item()
