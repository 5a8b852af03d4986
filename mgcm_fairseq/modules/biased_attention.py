"""Attention under a bias that has a gradient, as segmentation makes one. B batch, H heads, T queries, S keys."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

TILE = 2**18  # attention weights at a time: 1 MiB in fp32, which a CPU's cache holds
SMALLEST = 2**16  # elements of a T x S bias from which on that pays


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
    """torch.nn.functional.scaled_dot_product_attention of (B, H, T or S, D/H), with a mask that broadcasts over heads.

    For a bias that needs a gradient PyTorch leaves its fused CPU kernel, and keeps a B x H x T x S tensor of every
    layer. Here none is made. With dropout that kernel takes no mask whatever, so that nothing is to be gained.
    """
    if mask is not None and mask.requires_grad and dropout == 0 and _pays(query, key, mask):
        return biased_attention(query, key, value, mask)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)


def _pays(query: Tensor, key: Tensor, bias: Tensor) -> bool:
    queries, keys = query.size(2), key.size(2)
    return (query.device.type == "cpu" and query.dtype in (torch.float32, torch.float64)
            and bias.shape == (query.size(0), 1, queries, keys) and queries * keys >= SMALLEST)


def biased_attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """The same for a bias (B, 1, T, S), without dropout; no more than TILE weights exist at a time."""
    answer: Tensor = _BiasedAttention.apply(query, key, value, bias)
    return answer


class _BiasedAttention(torch.autograd.Function):
    """The fused kernel on the bias as a constant; backward the weights are made again, tile by tile."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.detach())
        ctx.save_for_backward(query, key, value, bias, mixed)
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        """Of the scores P (G - sum_S P G), for weights P of gradient G = gradient V^T; the sum is gradient . mixed."""
        query, key, value, bias, mixed = ctx.saved_tensors
        scale = query.size(3) ** -0.5
        sums = (gradient * mixed).sum(3, keepdim=True)
        to_query, to_key, to_value, to_bias = map(torch.zeros_like, (query, key, value, bias))
        for b, h, t in _tiles(query, key):
            scores = torch.baddbmm(bias[b, :, t], query[b, h, t], key[b, h].mT, alpha=scale)
            weights = torch.softmax(scores, 2, out=scores)
            to_value[b, h].baddbmm_(weights.mT, gradient[b, h, t])
            to_scores = (gradient[b, h, t] @ value[b, h].mT).sub_(sums[b, h, t]).mul_(weights)
            to_bias[b, 0, t] += to_scores.sum(0)
            to_query[b, h, t].baddbmm_(to_scores, key[b, h], alpha=scale)
            to_key[b, h].baddbmm_(to_scores.mT, query[b, h, t], alpha=scale)
        return to_query, to_key, to_value, to_bias


def _tiles(query: Tensor, key: Tensor) -> Iterator[tuple[int, slice, slice]]:
    """An utterance, some of its heads and some of their queries at a time."""
    (batch, heads, queries, _), keys = query.shape, key.size(2)
    rows = min(queries, max(1, TILE // keys))
    together = max(1, TILE // (rows * keys))
    for b in range(batch):
        for h in range(0, heads, together):
            for t in range(0, queries, rows):
                yield b, slice(h, h + together), slice(t, t + rows)
