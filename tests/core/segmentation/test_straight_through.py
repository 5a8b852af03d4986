"""Hard forward, soft backward."""

import pytest
import torch
import torch.nn.functional as F

from mgcm_fairseq.core.segmentation.boundaries import decide, noisy_logits, probabilities
from mgcm_fairseq.core.segmentation.expected_waiting import expected_waiting
from mgcm_fairseq.core.segmentation.padding import LOG_ZERO
from mgcm_fairseq.core.segmentation.straight_through import straight_through, straight_through_bias
from mgcm_fairseq.core.segmentation.waiting import segment_units, wait_mask
from tests.core.segmentation.inputs import ragged


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_decisions_forward_probabilities_backward(dtype):
    logits_BT, lengths_B = ragged([50, 40], dtype=dtype)
    p_BT = probabilities(logits_BT.requires_grad_(), lengths_B)
    hard_BT = decide(logits_BT, lengths_B).boundaries
    found = straight_through(hard_BT, p_BT)
    assert torch.equal(found, hard_BT.to(p_BT.dtype))
    [gradient] = torch.autograd.grad(found.sum(), logits_BT, retain_graph=True)
    [wanted] = torch.autograd.grad(p_BT.sum(), logits_BT)
    assert torch.equal(gradient, wanted)
    assert gradient.any()


def test_masks_forward_expected_masks_backward():
    logits_BT, lengths_B = ragged([9, 6])
    logits_BT.requires_grad_()
    written_BU = torch.arange(3).expand(2, -1)
    bias = expected_waiting(logits_BT, lengths_B, written_BU, 1, torch.float64)
    mask = wait_mask(segment_units(decide(logits_BT, lengths_B, False).boundaries), lengths_B, written_BU, 1)
    found = straight_through_bias(mask, bias)
    assert torch.equal(found == 0, mask)
    assert torch.equal(found == LOG_ZERO, ~mask)
    upstream = torch.randn_like(bias)
    assert torch.equal(*[torch.autograd.grad(x, logits_BT, upstream, retain_graph=True)[0] for x in (found, bias)])


def test_a_loss_on_attention_reaches_the_segmenter_and_moves_boundaries():
    """At lag 1, with nothing written, attention should rest on frames 0-3: the segmenter learns where they end."""
    torch.manual_seed(0)
    logits = torch.full((1, 8), -2.0, requires_grad=True)
    values = torch.tensor([1.0, 1, 1, 1, 0, 0, 0, 0]).view(1, 1, 8, 1)
    lengths_B, written_BU = torch.tensor([8]), torch.zeros(1, 1).long()
    query, key = torch.zeros(1, 1, 1, 4), torch.zeros(1, 1, 8, 4)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(200):
        bias = expected_waiting(noisy_logits(logits, 1.0), lengths_B, written_BU, 1, torch.float32)
        seen = F.scaled_dot_product_attention(query, key, values, attn_mask=bias)
        loss = 0.05 * logits[:, :3].exp().sum() - seen.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert decide(logits, lengths_B).boundaries.long().tolist() == [[0, 0, 0, 1, 0, 0, 0, 0]]
