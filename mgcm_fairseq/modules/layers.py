"""Transformer layers, pre-norm or post-norm, shared by all tasks."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from mgcm_fairseq.modules.attention import MultiheadAttention
from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.grouped import PrivateParts
from mgcm_fairseq.modules.local import LocalConvolution
from mgcm_fairseq.modules.positions import RotaryPositions


@dataclass(frozen=True)
class LayerShape:
    """Sizes and dropout rates of one layer."""

    dim: int
    ffn_dim: int
    heads: int
    dropout: float
    attention_dropout: float
    activation_dropout: float
    norm_first: bool  # pre-norm; False is post-norm as in the paper


class Residual(nn.Module):
    """x + dropout(f(norm(x))) before, or norm(x + dropout(f(x))) after the sum."""

    def __init__(self, shape: LayerShape) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(shape.dim)
        self.norm_first = shape.norm_first
        self.dropout = nn.Dropout(shape.dropout)

    def before(self, x: Tensor) -> Tensor:
        """What the sub-layer reads."""
        return self.norm(x) if self.norm_first else x

    def after(self, x: Tensor, update: Tensor) -> Tensor:
        """What the sub-layer leaves behind."""
        total = x + self.dropout(update)
        return total if self.norm_first else self.norm(total)


class FeedForward(nn.Module):
    """W2 relu(W1 x)."""

    def __init__(self, shape: LayerShape, output_bias: bool = True) -> None:
        super().__init__()
        self.fc1 = nn.Linear(shape.dim, shape.ffn_dim)
        self.fc2 = nn.Linear(shape.ffn_dim, shape.dim, bias=output_bias)
        self.dropout = nn.Dropout(shape.activation_dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.dropout(F.relu(self.fc1(x))))


class EncoderLayer(nn.Module):
    """A local convolution where there is one, self-attention and feed-forward, with private parts where it is grouped.
    """

    def __init__(self, shape: LayerShape, rotary: RotaryPositions | None = None,
                 local: LocalConvolution | None = None, private: PrivateParts | None = None) -> None:
        """`shape`: with as many hidden units as all languages share."""
        super().__init__()
        self.local = local
        self.self_attn = MultiheadAttention(shape.dim, shape.heads, shape.attention_dropout, rotary)
        self.self_attn_residual = Residual(shape)
        self.ffn = FeedForward(shape)
        self.private = private
        self.ffn_residual = Residual(shape)

    def forward(self, x_BTD: Tensor, mask: Tensor | None, cache: Cache | None = None, name: str = "",
                valid_BT: Tensor | None = None, language_B: Tensor | None = None) -> Tensor:
        """mask: (B, 1, T or 1, T), True where attention is allowed, or a bias; with a cache the T follow those in it.

        `valid_BT`: bool, what is no padding, for the local convolution. `language_B`: ranks, for the private parts.

        Raises:
            ValueError: there is a local convolution, and no `valid_BT`.
        """
        if self.local is not None:
            if valid_BT is None:
                raise ValueError("local convolution: expected valid_BT, which says what is no padding, found none. "
                                 "Pass it.")
            x_BTD = self.local(x_BTD, valid_BT, cache, name)
        read, attention = self.self_attn_residual.before(x_BTD), self.self_attn
        update = attention(read, read, mask) if cache is None else attention.step(read, cache, name, mask)
        x_BTD = self.self_attn_residual.after(x_BTD, update)
        read = self.ffn_residual.before(x_BTD)
        update = self.ffn(read) if self.private is None else self.ffn(read) + self.private(read, language_B)
        return self.ffn_residual.after(x_BTD, update)


class DecoderLayer(nn.Module):
    """Causal self-attention, cross-attention and feed-forward."""

    def __init__(self, shape: LayerShape) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(shape.dim, shape.heads, shape.attention_dropout)
        self.self_attn_residual = Residual(shape)
        self.cross_attn = MultiheadAttention(shape.dim, shape.heads, shape.attention_dropout)
        self.cross_attn_residual = Residual(shape)
        self.ffn = FeedForward(shape)
        self.ffn_residual = Residual(shape)

    def forward(self, x_BUD: Tensor, self_mask: Tensor | None, memory_BTD: Tensor, memory_mask: Tensor | None,
                cache: Cache | None = None, name: str = "") -> Tensor:
        """One layer over U tokens; with a cache the U tokens follow those seen before, under `name`.

        Args:
            x_BUD: decoder states.
            self_mask: (1, 1, U, U + cached), True where attention is allowed; None for all.
            memory_BTD: encoder states.
            memory_mask: (B, 1, U or 1, T), True where attention is allowed.
        """
        read = self.self_attn_residual.before(x_BUD)
        if cache is None:
            update = self.self_attn(read, read, self_mask)
        else:
            update = self.self_attn.step(read, cache, f"{name}.self", self_mask)
        x_BUD = self.self_attn_residual.after(x_BUD, update)

        read = self.cross_attn_residual.before(x_BUD)
        if cache is None:
            update = self.cross_attn(read, memory_BTD, memory_mask)
        else:
            update = self.cross_attn.cached_memory(read, memory_BTD, cache, f"{name}.cross", memory_mask)
        x_BUD = self.cross_attn_residual.after(x_BUD, update)
        return self.ffn_residual.after(x_BUD, self.ffn(self.ffn_residual.before(x_BUD)))
