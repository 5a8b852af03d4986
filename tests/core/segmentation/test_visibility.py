"""Segmented self-attention masks, against products."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from mgcm_fairseq.core.segmentation.boundaries import decide_frames, decide_streaks
from mgcm_fairseq.core.segmentation.padding import LOG_ZERO
from mgcm_fairseq.core.segmentation.segments import segment_ids
from mgcm_fairseq.core.segmentation.streaks import start_logits
from mgcm_fairseq.core.segmentation.visibility import expected_visibility, hard_visibility, segments_up_to
from tests.core.segmentation import loops
from tests.core.segmentation.inputs import batches, hard, ragged

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def attention(mask, frames, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(len(mask), 2, frames, 4, generator=generator).to(dtype) for _ in range(3))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


@given(batches())
def test_it_is_the_product(batch):
    logits_BT, lengths_B = batch
    found = expected_visibility(*batch, torch.float64)
    assert found.shape == (len(lengths_B), 1, logits_BT.size(1), logits_BT.size(1))
    for b, length in enumerate(lengths_B.tolist()):
        wanted = loops.visibility(logits_BT[b, :length])
        torch.testing.assert_close(found[b, 0, :length, :length].exp(), wanted, rtol=0, atol=1e-10)
        assert found[b, 0, :, length:].eq(LOG_ZERO).all()


def test_it_is_the_product_over_many_frames():
    logits_BT, lengths_B = ragged([500], scale=4)
    wanted = torch.stack([torch.cat([torch.ones(i + 1).double(), (1 - logits_BT[0].sigmoid())[i:-1].cumprod(0)])
                          for i in range(500)])
    found = expected_visibility(logits_BT, lengths_B, torch.float64)[0, 0].exp()
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)


def test_softmax_with_the_bias_is_the_renormalised_product():
    logits_BT, lengths_B = ragged([6, 4])
    generator = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(2, 2, 6, 4, generator=generator).double() for _ in range(3))
    found = attention(expected_visibility(logits_BT, lengths_B, torch.float64), 6)
    for b, length in enumerate([6, 4]):
        alpha = (q[b, :, :length] @ k[b, :, :length].mT / 2).softmax(-1) * loops.visibility(logits_BT[b, :length])
        wanted = alpha / alpha.sum(-1, keepdim=True) @ v[b, :, :length]
        torch.testing.assert_close(found[b, :, :length], wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize("decide", [decide_frames, decide_streaks])
@given(st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=2, max_size=2), st.integers(1, 7))
def test_hard_is_soft_at_extreme_logits(decide, high, length):
    logits_BT, lengths_B = hard(high), torch.tensor([7, length])
    soft = start_logits(logits_BT, lengths_B) if decide is decide_streaks else logits_BT
    bias = expected_visibility(soft, lengths_B, torch.float64)
    mask = hard_visibility(decide(logits_BT, lengths_B).boundaries, lengths_B)
    torch.testing.assert_close(bias.exp(), mask.double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(attention(bias, 7), attention(mask, 7), rtol=0, atol=1e-10)


def test_hard_by_hand():
    boundaries_BT = torch.tensor([[0, 1, 0, 0], [0, 1, 0, 0]]).bool()
    found = hard_visibility(boundaries_BT, torch.tensor([4, 3])).long()
    assert found[0, 0].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]
    assert found[1, 0].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]]


def test_expected_by_hand():
    found = expected_visibility(torch.tensor([[1.0, 2.0, 9.0, 9.0]]).double().log(), torch.tensor([3]), torch.float64)
    expected = torch.tensor([[1, 1 / 2, 1 / 6, 0], [1, 1, 1 / 3, 0], [1, 1, 1, 0], [1, 1, 1, 0]]).double()
    torch.testing.assert_close(found[0, 0].exp(), expected, rtol=1e-7, atol=0)


@given(st.lists(st.booleans(), min_size=8, max_size=8), st.integers(0, 7), st.integers(1, 8))
def test_new_queries_see_what_they_see_in_the_whole(high, start, length):
    boundaries_BT, lengths_B = torch.tensor([high]), torch.tensor([length])
    ids_BT = segment_ids(boundaries_BT)
    whole = hard_visibility(boundaries_BT, lengths_B)
    assert torch.equal(segments_up_to(ids_BT[:, start:], ids_BT, lengths_B), whole[:, :, start:])


def test_gradients():
    logits_BT, lengths_B = ragged([5, 3])
    weights = torch.randn(2, 1, 5, 5).double()
    assert torch.autograd.gradcheck(lambda e: expected_visibility(e, lengths_B, torch.float64) * weights,
                                    logits_BT.requires_grad_())


def test_gradients_where_the_bias_is_cut():
    logits_BT = torch.tensor([[6000.0, 1.0, 6000.0, 0.5, -1.0]], dtype=torch.float64, requires_grad=True)
    lengths_B = torch.tensor([5])
    found = expected_visibility(logits_BT, lengths_B, torch.float64)
    assert found[0, 0, 0].tolist() == pytest.approx([0, -6000, -6001.3132616875, -1e4, -1e4])
    assert torch.autograd.gradcheck(lambda e: expected_visibility(e, lengths_B, torch.float64), logits_BT)


@pytest.mark.parametrize(("logit", "reached"), [(-LOG_ZERO - 1, True), (-LOG_ZERO, False), (-LOG_ZERO + 1, False)])
def test_a_bias_as_low_as_it_may_be_has_no_gradient(logit, reached):
    logits_BT = torch.tensor([[logit, 0.0]], dtype=torch.float64, requires_grad=True)
    bias = expected_visibility(logits_BT, torch.tensor([2]), torch.float64)[0, 0, 0, 1]
    assert bias.item() == max(-logit, LOG_ZERO)
    assert bool(torch.autograd.grad(bias, logits_BT)[0].any()) == reached


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1, 60, 1e4])
def test_values_and_gradients_are_finite_at_every_logit(dtype, scale):
    if dtype == torch.float16 and scale == 1e4:
        scale = 6e4
    logits_BT = (hard([".|.||..|.........", "|||||||||||||||||", "................."]) / 60 * scale).to(dtype)
    logits_BT.requires_grad_()
    bias = expected_visibility(logits_BT, torch.tensor([17, 16, 3]), dtype)
    assert bias.dtype == dtype
    assert bias.isfinite().all()
    assert (bias >= LOG_ZERO).all()
    assert (bias <= 0).all()
    [gradient] = torch.autograd.grad(attention(bias, 17, dtype).square().sum(), logits_BT)
    assert gradient.isfinite().all()


def test_a_certain_boundary_still_has_a_gradient():
    # sigmoid(20) is 1 in fp32, and a product's gradient dead from there on.
    logits_BT = torch.tensor([[0.0, 20.0, 0.0]], requires_grad=True)
    [gradient] = torch.autograd.grad(expected_visibility(logits_BT, torch.tensor([3]), torch.float32).sum(), logits_BT)
    assert gradient[0].tolist() == pytest.approx([-1.0, -2.0, 0], abs=1e-6)


def test_gradients_of_half_precision_are_summed_in_the_type_of_the_sums():
    logits_BT = torch.full((1, 3000), -9.0, requires_grad=True)
    bias = expected_visibility(logits_BT, torch.tensor([3000]), torch.bfloat16)
    [gradient] = torch.autograd.grad(bias, logits_BT, torch.ones_like(bias))
    p = loops.sigmoid(-9.0)
    wanted = torch.tensor([-p * (t + 1) * (2999 - t) for t in range(3000)])  # pairs i <= t < j
    torch.testing.assert_close(gradient[0], wanted, rtol=1e-4, atol=1e-6)


def test_a_frame_sees_a_later_one_through_the_boundaries_between_them_alone():
    logits_BT, lengths_B = ragged([6])
    bias = expected_visibility(logits_BT.requires_grad_(), lengths_B, torch.float64)[0, 0]
    for i in range(6):
        for j in range(6):
            [gradient] = torch.autograd.grad(bias[i, j], logits_BT, retain_graph=True)
            assert gradient[0].ne(0).tolist() == [i <= t < j for t in range(6)]


class LargeFloats(TorchDispatchMode):
    """Notes the float tensors of a size or more that come into being."""

    def __init__(self, elements):
        super().__init__()
        self.elements = elements
        self.found = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        answer = function(*args, **(kwargs or {}))
        if isinstance(answer, torch.Tensor) and answer.is_floating_point() and answer.numel() >= self.elements:
            self.found.add((answer.untyped_storage().data_ptr(), answer.dtype))
        return answer


def test_the_bias_is_the_only_large_float_tensor():
    logits_BT, lengths_B = torch.randn(2, 64), torch.tensor([64, 50])
    with LargeFloats(2 * 64 * 64) as floats:
        bias = expected_visibility(logits_BT, lengths_B, torch.bfloat16)
    assert floats.found == {(bias.untyped_storage().data_ptr(), torch.bfloat16)}
    with LargeFloats(2 * 64 * 64) as floats:
        hard_visibility(decide_streaks(logits_BT, lengths_B).boundaries, lengths_B)
    assert not floats.found


@pytest.mark.parametrize("length", [0, 1, 3])
def test_no_row_is_empty(length):
    lengths_B = torch.tensor([length])
    boundaries_BT = torch.ones(1, 4).bool()
    assert hard_visibility(boundaries_BT, lengths_B).any(-1).all()
    bias = expected_visibility(torch.ones(1, 4), lengths_B, torch.float32)
    assert (bias == 0).any(-1).all()


def test_padding_gets_no_attention_at_all():
    logits_BT, lengths_B = ragged([5, 2])
    for dtype in DTYPES:
        weights = expected_visibility(logits_BT, lengths_B, dtype).softmax(-1)
        assert not weights[1, 0, :, 2:].any()
