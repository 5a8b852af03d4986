"""wav2vec 2.0's group norm over time, made exact under padding and small in memory."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mgcm_fairseq.modules.front_end_blocks import Blocks, dots, normalise
from mgcm_fairseq.modules.lengths import at_least_fp32, valid_mask


class PaddedGroupNorm(nn.Module):
    """Group norm with one group a channel whose statistics leave out the padding.

    fairseq's front end normalises over time with the padding included, so an utterance's features depend on its batch.
    """

    def __init__(self, norm: nn.GroupNorm, blocks: Blocks | None = None, most: int | None = None) -> None:
        """`most`: blocks after which the statistics stay as they are; None for never."""
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.blocks = blocks
        self.most = most

    def forward(self, x_BCT: Tensor, lengths: Tensor) -> Tensor:
        """Statistics, in fp32 or better, over the first lengths[b] frames of each row; with blocks, over those so far.
        """
        x = at_least_fp32(x_BCT)
        if self.blocks is not None:
            return normalise(x, lengths, self, self.blocks, self.most).to(x_BCT)
        valid = valid_mask(lengths, x.size(2)).unsqueeze(1)
        answer: Tensor = _GroupNorm.apply(x, valid, lengths[:, None, None], self.weight.to(x)[:, None],
                                          self.bias.to(x)[:, None], self.eps)
        return answer.to(x_BCT)


class _GroupNorm(torch.autograd.Function):
    """Scale and shift of x with zero mean and unit variance over the valid frames, and zero elsewhere.

    By hand because its input is the largest tensor of the network: autograd makes three more of that size in the
    backward pass, which is where a training step's memory peaks.
    """

    @staticmethod
    def forward(ctx: Any, x_BCT: Tensor, valid_B1T: Tensor, count_B11: Tensor, weight_C1: Tensor, bias_C1: Tensor,
                eps: float) -> Tensor:
        valid_BT1 = valid_B1T.transpose(1, 2).to(x_BCT)
        normal_BCT = x_BCT - _product(x_BCT, valid_BT1) / count_B11
        normal_BCT.masked_fill_(~valid_B1T, 0.0)
        scale_BC1 = torch.rsqrt(_dots(normal_BCT, normal_BCT) / count_B11 + eps)
        normal_BCT.mul_(scale_BC1)
        ctx.save_for_backward(normal_BCT, scale_BC1 * weight_C1, valid_BT1, count_B11)
        return torch.addcmul(bias_C1, normal_BCT, weight_C1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_BCT: Tensor) -> tuple[Tensor | None, ...]:
        """w (g - mean(g) - n mean(g n)) / deviation over the valid frames, for the normalised n."""
        normal_BCT, scale_BC1, valid_BT1, count_B11 = ctx.saved_tensors
        along_BC1 = _dots(g_BCT, normal_BCT)
        x_BCT = g_BCT - _product(g_BCT, valid_BT1) / count_B11
        x_BCT.addcmul_(normal_BCT, -along_BC1 / count_B11)
        x_BCT.mul_(scale_BC1).mul_(valid_BT1.transpose(1, 2))
        return x_BCT, None, None, along_BC1.sum(0), g_BCT.sum((0, 2)).unsqueeze(1), None


def _dots(a_BCT: Tensor, b_BCT: Tensor) -> Tensor:
    """<a, b> of each channel, (B, C, 1)."""
    return dots(a_BCT, b_BCT).unsqueeze(2)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b in their own precision, under autocast too."""
    with torch.autocast(a.device.type, enabled=False):
        return a @ b
