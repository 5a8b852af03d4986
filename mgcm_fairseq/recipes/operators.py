"""What attention, dropout, CTC and merging keep on a GPU or on a CPU, for tensors on the device "meta", on neither."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor

from mgcm_fairseq.core.conflict import flat, merge

STOCK = F.scaled_dot_product_attention


@contextmanager
def operators_of(gpu: bool) -> Iterator[None]:
    """Inside, these operators are those that a GPU, or a CPU, chooses; autocast does nothing.

    A CPU's dropout keeps a mask as wide as the data, which "meta" does too; a GPU's keeps a byte a number.
    """
    dropout: Callable[..., Tensor] = _gpu_dropout if gpu else F.dropout
    with (patch.object(F, "scaled_dot_product_attention", _gpu_attention if gpu else _cpu_attention),
          patch.object(F, "dropout", dropout),
          patch.object(F, "ctc_loss", _ctc_loss),  # torch has none for "meta"
          patch.object(merge, "limits_of", lambda device: flat.GPU if gpu else flat.CPU),
          patch.object(torch, "autocast", lambda *_, **__: nullcontext())):  # nor this
        yield


def _gpu_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
                   is_causal: bool = False, scale: float | None = None) -> Tensor:
    """The memory-efficient kernel, which takes every mask: it keeps its answer and a number for each query."""
    if attn_mask is not None:
        if attn_mask.dtype == torch.bool:
            attn_mask = torch.zeros_like(attn_mask, dtype=query.dtype).masked_fill_(~attn_mask, float("-inf"))
        attn_mask = attn_mask.expand(*query.shape[:3], key.size(2))
    learns = any(part.requires_grad for part in (query, key, value))
    answer: Tensor = torch.ops.aten._scaled_dot_product_efficient_attention(
        query, key, value, attn_mask, learns, dropout_p, is_causal, scale=scale)[0]
    return answer


def _gpu_dropout(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    return torch.native_dropout(x, p, training)[0] if training and p > 0 else x


def _cpu_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
                   is_causal: bool = False, scale: float | None = None) -> Tensor:
    """The fused kernel of a CPU, which knows neither dropout nor a mask that learns; else products of matrices."""
    if dropout_p > 0 or (attn_mask is not None and attn_mask.requires_grad):
        return STOCK(query, key, value, attn_mask, dropout_p, is_causal, scale=scale)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        attn_mask = torch.zeros_like(attn_mask, dtype=query.dtype).masked_fill_(~attn_mask, float("-inf"))
    answer: Tensor = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, dropout_p, is_causal, attn_mask=attn_mask, scale=scale)[0]
    return answer


def _ctc_loss(log_probs_TBV: Tensor, text_BU: Tensor, frames_B: Tensor, lengths_B: Tensor, **_: Any) -> Tensor:
    """Of a loss for each row; PyTorch's own, on either processor, takes these arrays."""
    answer: Tensor = _CTC.apply(log_probs_TBV, text_BU.size(1))
    return answer


class _CTC(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, log_probs_TBV: Tensor, tokens: int) -> Tensor:
        frames, batch, _ = log_probs_TBV.shape
        ctx.save_for_backward(log_probs_TBV, log_probs_TBV.new_empty(batch, frames, 2 * tokens + 1))
        return log_probs_TBV.new_empty(batch)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]  # torch's takes any arguments
        log_probs_TBV, forward_BTS = ctx.saved_tensors
        gradient_TBV, _ = torch.empty_like(log_probs_TBV), torch.empty_like(forward_BTS)
        return gradient_TBV, None
