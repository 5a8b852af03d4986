"""The group norm over what is not padding, written by hand, against PyTorch's on each utterance by itself; in fp64."""

import pytest
import torch
from torch import nn

from mgcm_fairseq.modules.group_norm import PaddedGroupNorm

LENGTHS = [9, 6, 2]


@pytest.fixture
def norm():
    made = nn.GroupNorm(4, 4).double()
    nn.init.normal_(made.weight)
    nn.init.normal_(made.bias)
    return made


def test_values_and_gradients_are_those_without_padding(norm):
    x_BCT = torch.randn(3, 4, max(LENGTHS)).double().requires_grad_()
    cotangent_BCT = torch.randn_like(x_BCT)
    valid_BT = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    wanted = [x_BCT, norm.weight, norm.bias]
    answer_BCT = PaddedGroupNorm(norm)(x_BCT, torch.tensor(LENGTHS))
    found = torch.autograd.grad((answer_BCT * cotangent_BCT * valid_BT[:, None]).sum(), wanted)
    alone = [norm(x_BCT[row:row + 1, :, :length]) for row, length in enumerate(LENGTHS)]
    expected = torch.autograd.grad(sum((part * cotangent_BCT[row:row + 1, :, :part.size(2)]).sum()
                                       for row, part in enumerate(alone)), wanted)
    for row, part in enumerate(alone):
        torch.testing.assert_close(answer_BCT[row:row + 1, :, :part.size(2)], part, rtol=1e-9, atol=1e-10)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9)


def test_half_precision_is_normalised_in_fp32(norm):
    x_BCT = 300 * torch.randn(2, 4, 500) + 1000
    lengths = torch.tensor([500, 400])
    found = PaddedGroupNorm(norm)(x_BCT.half(), lengths)
    assert found.dtype == torch.float16
    expected = PaddedGroupNorm(norm)(x_BCT.half().double(), lengths)
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-3)
