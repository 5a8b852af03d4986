"""Fewer frames of speech features by strided gated convolutions; exact under padding."""

import torch.nn.functional as F
from torch import Tensor, nn

from mgcm_fairseq.modules.lengths import conv_length, valid_mask

STRIDE = 2


class ConvSubsampler(nn.Module):
    """One Conv1d of stride 2 with a gated linear unit for every kernel (Synnaeve et al. 2019, arXiv 1911.08460)."""

    def __init__(self, in_dim: int, out_dim: int, kernels: list[int], causal: bool) -> None:
        """`causal`: a frame sees none after its last; otherwise as many on either side, or one more before it. The
        lengths are the same: a frame for every two.

        Args:
            kernels: each at least the stride, or some frames would not be read.
        """
        super().__init__()
        inputs = [in_dim] + [out_dim] * (len(kernels) - 1)
        self.kernels = kernels
        self.convs = nn.ModuleList(
            nn.Conv1d(size, 2 * out_dim, kernel, STRIDE) for size, kernel in zip(inputs, kernels, strict=True))
        self.padding = [(kernel - 1, 0) if causal else (kernel // 2, (kernel - 1) // 2) for kernel in kernels]

    def frames(self, lengths: Tensor) -> Tensor:
        """(B,) frames in -> (B,) frames out."""
        for kernel in self.kernels:
            lengths = conv_length(lengths + kernel - 1, kernel, STRIDE)
        return lengths

    def forward(self, x_BTC: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, in_dim) and (B,) -> (B, T', out_dim); frames past a length do not count."""
        for conv, kernel, padding in zip(self.convs, self.kernels, self.padding, strict=True):
            x_BTC = x_BTC.masked_fill(~valid_mask(lengths, x_BTC.size(1)).unsqueeze(2), 0.0)
            x_BTC = F.glu(conv(F.pad(x_BTC.transpose(1, 2), padding)), dim=1).transpose(1, 2)
            lengths = conv_length(lengths + kernel - 1, kernel, STRIDE)
        return x_BTC
