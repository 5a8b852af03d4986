"""The front end of one utterance that is still being spoken, block by block, at the same cost for every block."""

from copy import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.front_end_blocks import dots, normaliser, run_layer, zeros_added
from mgcm_fairseq.modules.group_norm import PaddedGroupNorm
from mgcm_fairseq.modules.subsampler import STRIDE, ConvSubsampler


class FrontEndStream:
    """Features of a front end that hears in blocks; they equal those of the whole utterance. For evaluation.

    The first block and the last give convolutions fewer frames than others. With `one_shape` they are padded, and what
    becomes of that is cut off, so that each convolution sees one shape, which a GPU plans for once.
    """

    def __init__(self, front_end: Any, one_shape: bool = False) -> None:
        """`front_end`: a Wav2Vec2FrontEnd, which makes its streams by this."""
        self.front_end = front_end
        self.one_shape = one_shape
        self.rests: dict[int, Tensor] = {}  # convolution -> what its next frame still needs of its input
        self.sums: tuple[Tensor, Tensor, Tensor] | None = None  # of the group norm so far: frames, x, x^2
        self.normed = 0  # blocks that these are of
        self.context: Tensor | None = None
        self.cache = Cache()

    def fork(self) -> "FrontEndStream":
        """A stream that has heard the same, and goes on by itself."""
        other = copy(self)
        other.rests, other.cache = dict(self.rests), self.cache.fork()
        return other

    def extend(self, samples_1N: Tensor) -> Tensor:
        """(1, N) samples of the next block, or of what is left at the end -> (1, T, C), which may be none."""
        w2v = self.front_end.wav2vec2
        x_1CT = samples_1N.unsqueeze(1)
        for index, (convolution, *parts) in enumerate(w2v.feature_extractor.conv_layers):
            x_1CT = self._convolve(index, convolution, x_1CT)
            for part in parts:
                x_1CT = self._normalise(part, x_1CT) if isinstance(part, PaddedGroupNorm) else part(x_1CT)
        x_1TC = w2v.layer_norm(x_1CT.transpose(1, 2))
        if w2v.post_extract_proj is not None:
            x_1TC = w2v.post_extract_proj(x_1TC)
        if x_1TC.size(1) == 0:
            return x_1TC
        x_1TC = self._position(x_1TC)
        for index, layer in enumerate(w2v.encoder.layers):
            x_1TC = run_layer(layer, x_1TC, None, self.cache, str(index), self.front_end.history)
        return w2v.encoder.layer_norm(x_1TC) if w2v.encoder.layer_norm_first else x_1TC

    def _convolve(self, index: int, convolution: Any, x_1CT: Tensor) -> Tensor:
        if index in self.rests:
            x_1CT = _behind(self.rests[index], x_1CT)
        [kernel], [stride] = convolution.kernel_size, convolution.stride
        frames = max(0, (x_1CT.size(2) - kernel) // stride + 1)
        self.rests[index] = x_1CT[:, :, frames * stride:]
        if frames == 0:
            return x_1CT.new_zeros(1, convolution.out_channels, 0)
        if self.one_shape:
            x_1CT = _widened(x_1CT, self.front_end.inputs_of_block(index) + kernel - 1)
        return convolution(x_1CT)[:, :, :frames]

    def _normalise(self, norm: PaddedGroupNorm, x_1CT: Tensor) -> Tensor:
        wide = x_1CT.double() if x_1CT.dtype == torch.float64 else x_1CT.float()
        frames = wide.new_full((1, 1, 1), wide.size(2))
        squares = (dots(wide, wide) if wide.is_contiguous() else (wide * wide).sum(2)).unsqueeze(2)
        total = wide.sum(2, keepdim=True)
        if self.sums is not None:
            if norm.most is not None and self.normed >= norm.most:
                frames, total, squares = self.sums
            else:
                frames, total, squares = frames + self.sums[0], total + self.sums[1], squares + self.sums[2]
        self.sums = frames, total, squares
        self.normed += 1
        scale, shift = normaliser(frames, (total, squares), norm.weight, norm.bias, norm.eps)
        return torch.addcmul(shift, wide, scale).to(x_1CT)

    def _position(self, x_1TC: Tensor) -> Tensor:
        encoder = self.front_end.wav2vec2.encoder
        before, zeros = encoder.pos_conv[0].kernel_size[0] // 2, zeros_added(encoder.pos_conv)
        context = x_1TC.new_zeros(1, before, x_1TC.size(2)) if self.context is None else self.context
        wide_1TC, frames = torch.cat([context, x_1TC], 1), x_1TC.size(1)
        self.context = wide_1TC[:, wide_1TC.size(1) - before:]
        wide_1CT = _widened(wide_1TC.transpose(1, 2), 2 * before - zeros + self.front_end.frames_of_block)
        x_1TC = x_1TC + encoder.pos_conv(wide_1CT).transpose(1, 2)[:, zeros:zeros + frames]
        return x_1TC if encoder.layer_norm_first else encoder.layer_norm(x_1TC)


class SubsamplerStream:
    """Causal subsampling of features that arrive in parts."""

    def __init__(self, subsampler: ConvSubsampler, most: int | None = None) -> None:
        """`most`: frames in the longest part, to which the others are padded, so that each convolution sees one shape.
        """
        self.subsampler = subsampler
        self.most = most
        self.rests: list[Tensor | None] = [None] * len(subsampler.kernels)

    def fork(self) -> "SubsamplerStream":
        """A stream that has read the same, and goes on by itself."""
        other = copy(self)
        other.rests = list(self.rests)
        return other

    def extend(self, x_1TC: Tensor) -> Tensor:
        """(1, T, C) -> (1, T', D), which may be none."""
        convolution: Any
        most = self.most
        for index, (convolution, kernel) in enumerate(
                zip(self.subsampler.convs, self.subsampler.kernels, strict=True)):
            x_1CT, rest = x_1TC.transpose(1, 2), self.rests[index]
            x_1CT = F.pad(x_1CT, (kernel - 1, 0)) if rest is None else torch.cat([rest, x_1CT], 2)
            frames = max(0, (x_1CT.size(2) - kernel) // STRIDE + 1)
            self.rests[index] = x_1CT[:, :, frames * STRIDE:]
            if frames == 0:
                return x_1TC.new_zeros(1, 0, convolution.out_channels // 2)
            if most is not None:
                width = most + kernel - 1
                x_1CT, most = _widened(x_1CT, width), (width - kernel) // STRIDE + 1
            x_1TC = F.glu(convolution(x_1CT)[:, :, :frames], dim=1).transpose(1, 2)
        return x_1TC


def _behind(before_1CT: Tensor, x_1CT: Tensor) -> Tensor:
    """Both, in the order in which x lies in memory."""
    return torch.cat([before_1CT, x_1CT], 2) if x_1CT.is_contiguous() else torch.cat([before_1CT.mT, x_1CT.mT], 1).mT


def _widened(x_1CT: Tensor, frames: int) -> Tensor:
    """With zeros behind it up to a number of frames; a frame that a convolution makes of x alone does not see them."""
    return F.pad(x_1CT, (0, max(0, frames - x_1CT.size(2))))
