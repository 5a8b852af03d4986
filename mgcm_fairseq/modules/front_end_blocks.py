"""A wav2vec 2.0 front end that hears in blocks of fixed length: parts that see nothing after a frame's own block.

A frame belongs to the block of audio in which the last sample that it is made of lies. Within a block everything sees
everything, and all blocks before; what comes later is to it as if the utterance had ended. So the features of a block
are final once it has been heard, and streaming costs the same for every second of speech.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.lengths import valid_mask


class Blocks(NamedTuple):
    """Blocks at the rate of one layer: frame t lies in block (t + shift) // size."""

    shift: int
    size: int

    @classmethod
    def at(cls, field: int, jump: int, samples: int) -> "Blocks":
        """For frames of `field` samples, one every `jump` samples, in blocks of `samples`.

        InputError if a block does not hold whole jumps.
        """
        if samples % jump:
            raise InputError("--front-end-block", f"blocks in multiples of {jump} samples", str(samples),
                             "Give a multiple in ms.")
        return cls((field - 1) // jump, samples // jump)

    def divide(self, x_BCT: Tensor, before: int = 0) -> Tensor:
        """(B, C, n, before + size): each block with the frames before it; zeros where there are none."""
        frames = x_BCT.size(2)
        x_BCT = F.pad(x_BCT, (self.shift + before, -(frames + self.shift) % self.size))
        return x_BCT.unfold(2, before + self.size, self.size)

    def join(self, x_BCnS: Tensor, frames: int) -> Tensor:
        """The inverse of `divide`, (B, C, T)."""
        return x_BCnS.flatten(2)[:, :, self.shift:self.shift + frames]

    def mask(self, frames: int, history: int, device: torch.device) -> Tensor:
        """(T, T) bool, True where a frame may attend: to its block, and to the `history` frames before; 0 for all."""
        frame_T = torch.arange(frames, device=device)
        block_T = (frame_T + self.shift) // self.size
        mask_TT = block_T <= block_T.unsqueeze(1)
        return mask_TT & (frame_T >= (block_T * self.size - self.shift - history).unsqueeze(1)) if history else mask_TT


def dots(a: Tensor, b: Tensor) -> Tensor:
    """<a, b> over the last dimension, in their own precision, without a tensor of products."""
    with torch.autocast(a.device.type, enabled=False):
        return (a.unsqueeze(-2) @ b.unsqueeze(-1)).view(a.shape[:-1])


def normalise(x_BCT: Tensor, lengths: Tensor, norm: Any, blocks: Blocks, most: int | None = None) -> Tensor:
    """Group norm of one group a channel with the statistics of all frames up to the end of each block.

    `most`: blocks whose frames count; later ones take the statistics of these. None for all.
    """
    frames = x_BCT.size(2)
    valid_B1T = valid_mask(lengths, frames).unsqueeze(1)
    x_BCnS = blocks.divide(x_BCT.masked_fill(~valid_B1T, 0.0))
    counts = blocks.divide(valid_B1T.to(x_BCT.dtype)).sum(3)
    answer: Tensor = _Normalise.apply(x_BCnS, _sum_so_far(counts, most), norm.weight, norm.bias, norm.eps, most)
    return blocks.join(answer, frames)


class _Normalise(torch.autograd.Function):
    """Blocks x -> x scale + shift, of the sums up to each block.

    By hand because its input is the largest tensor of the network: autograd makes four more of that size.
    """

    @staticmethod
    def forward(ctx: Any, x_BCnS: Tensor, frames_B1n: Tensor, weight: Tensor, bias: Tensor, eps: float,
                most: int | None) -> Tensor:
        sums = x_BCnS.sum(3), dots(x_BCnS, x_BCnS)
        ctx.save_for_backward(x_BCnS, frames_B1n, *sums, weight, bias)
        ctx.eps, ctx.most = eps, most
        scale, shift = normaliser(frames_B1n, sums, weight, bias, eps, most)
        return torch.addcmul(shift.unsqueeze(3), x_BCnS, scale.unsqueeze(3))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_BCnS: Tensor) -> tuple[Tensor | None, ...]:
        x_BCnS, frames_B1n, *small = ctx.saved_tensors
        with torch.enable_grad():
            leaves = [part.detach().requires_grad_() for part in small]
            scale, shift = normaliser(frames_B1n, (leaves[0], leaves[1]), leaves[2], leaves[3], ctx.eps,
                                      ctx.most)
        total, squares, weight, bias = torch.autograd.grad(
            (scale, shift), leaves, (dots(g_BCnS, x_BCnS), g_BCnS.sum(3)))
        x_grad = torch.addcmul(total.unsqueeze(3), g_BCnS, scale.detach().unsqueeze(3))
        return x_grad.addcmul_(x_BCnS, 2 * squares.unsqueeze(3)), None, weight, bias, None, None


def normaliser(frames: Tensor, sums: tuple[Tensor, Tensor], weight: Tensor, bias: Tensor, eps: float,
               most: int | None = None) -> tuple[Tensor, Tensor]:
    """Scale and shift of each block, (B, C, n), from the frames up to it and each block's sums of x and of x^2.

    `most`: as in `normalise`, for sums and frames alike.
    """
    frames = frames.clamp(min=1)
    mean = _sum_so_far(sums[0], most) / frames
    variance = (_sum_so_far(sums[1], most) / frames - mean.square()).clamp(min=0)
    scale = torch.rsqrt(variance + eps) * weight[:, None]
    return scale, bias[:, None] - mean * scale


def _sum_so_far(of_blocks_BCn: Tensor, most: int | None) -> Tensor:
    blocks = of_blocks_BCn.size(2)
    if most is not None and most < blocks:
        of_blocks_BCn = F.pad(of_blocks_BCn[:, :, :most], (0, blocks - most))
    return of_blocks_BCn.cumsum(2)


def zeros_added(convolution: Any) -> int:
    """How many zeros convolutional positions add at either end.

    fairseq's, and so those of training, add half a kernel. Before a block, where frames stand, that is work for
    nothing: those of agents with packed weights add none.
    """
    return int(convolution[0].padding[0])


def position(x_BTC: Tensor, convolution: Any, blocks: Blocks) -> Tensor:
    """Convolutional positions (B, T, C) of every block, to which the audio ends with the block."""
    before, zeros = convolution[0].kernel_size[0] // 2, zeros_added(convolution)
    wide = F.pad(blocks.divide(x_BTC.transpose(1, 2), before), (0, before - zeros))
    batch, channels, count, width = wide.shape
    answer = convolution(wide.transpose(1, 2).reshape(batch * count, channels, width))[:, :, zeros:]
    answer = answer.unflatten(0, (batch, count)).transpose(1, 2)
    return blocks.join(answer, x_BTC.size(1)).transpose(1, 2)


def run_layer(layer: Any, x_BTC: Tensor, mask: Tensor | None, cache: Cache | None = None,
              name: str = "", history: int = 0) -> Tensor:
    """One of fairseq's wav2vec 2.0 layers, with a mask or after cached frames, which its own forward does not offer.

    Args:
        layer: a TransformerSentenceEncoderLayer.
        x_BTC: frames; with a cache those that follow the cached ones.
        mask: broadcastable to (B, H, T, T), True where attention is allowed; None for all.
        cache: keys and values of earlier frames under `name`; extended in place.
        history: how many of these are kept for the frames that follow; 0 for all.
    """
    attention = layer.self_attn
    read = layer.self_attn_layer_norm(x_BTC) if layer.layer_norm_first else x_BTC
    query, key, value = (projection(read).unflatten(2, (attention.num_heads, -1)).transpose(1, 2)
                         for projection in (attention.q_proj, attention.k_proj, attention.v_proj))
    if cache is not None:
        key, value = cache.append(f"{name}.k", key), cache.append(f"{name}.v", value)
        if history:
            for part in "kv":
                cache.keep_last(f"{name}.{part}", history)
    dropout = attention.dropout_module.p if layer.training else 0.0
    mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
    x_BTC = x_BTC + layer.dropout1(attention.out_proj(mixed.transpose(1, 2).flatten(2)))
    if not layer.layer_norm_first:
        x_BTC = layer.self_attn_layer_norm(x_BTC)
    read = layer.final_layer_norm(x_BTC) if layer.layer_norm_first else x_BTC
    x_BTC = x_BTC + layer.dropout3(layer.fc2(layer.dropout2(layer.activation_fn(layer.fc1(read)))))
    return x_BTC if layer.layer_norm_first else layer.final_layer_norm(x_BTC)
