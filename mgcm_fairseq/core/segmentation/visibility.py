"""Segmented self-attention: bidirectional inside a segment, causal between segments. B batch, T frame, Q query.

Both masks broadcast over heads, include the padding of keys and have no empty row, as
torch.nn.functional.scaled_dot_product_attention takes them.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mgcm_fairseq.core.segmentation.padding import LOG_ZERO, readable_keys
from mgcm_fairseq.core.segmentation.segments import segment_ids, segment_starts, survival_sums


def expected_visibility(logits_BT: Tensor, lengths_B: Tensor, dtype: torch.dtype) -> Tensor:
    """(B, 1, T, T) log P(frame i sees frame j), to be added to attention scores, in `dtype`.

    0 for j <= i; log prod_{l=i}^{j-1} (1 - p_l) = S_i - S_j for j > i, at least
    LOG_ZERO, which also stands at padded keys. The softmax renormalises, without the published 1e-5 in the
    denominator. Gradients are those of S_i - S_j, 0 where it is cut at LOG_ZERO.

    Args:
        logits_BT: e, or `start_logits` of it, with the noise of training if there is any.
        lengths_B: frames that are not padding.
        dtype: type of the answer, that of the queries; differences are taken in fp64.
    """
    bias_BTT: Tensor = _Falling.apply(survival_sums(logits_BT, lengths_B), lengths_B, dtype)  # type: ignore[no-untyped-call]  # of torch, which is not typed
    return bias_BTT.unsqueeze(1)


def hard_visibility(boundaries_BT: Tensor, lengths_B: Tensor, history: int = 0) -> Tensor:
    """(B, 1, T, T) bool, True where frame i sees frame j: j lies in i's segment or in an earlier one.

    `history`: frames before its segment that a frame sees; 0 for all.
    """
    ids_BT = segment_ids(boundaries_BT)
    visible = segments_up_to(ids_BT, ids_BT, lengths_B)
    return within_history(visible, segment_starts(boundaries_BT), history, False)


def within_history(visible: Tensor, starts_BQ: Tensor, history: int, hidden: float | bool) -> Tensor:
    """(B, 1, Q, T) the mask or bias, `hidden` at keys more than `history` frames before the segment of the query.

    The bound goes by the query's segment: by a position in what was read it would depend on the size of reads.

    Args:
        visible: (B, 1, Q, T), for queries that are the last Q of T frames; True or 0 where a key is seen.
        starts_BQ: the frame that begins the segment of each query, counted from the first query.
        history: frames; 0 for all.
        hidden: False for a mask, LOG_ZERO for a bias.
    """
    queries, keys = visible.shape[2:]
    if not 0 < history < keys:
        return visible
    key_T = torch.arange(queries - keys, queries, device=visible.device)
    return visible.masked_fill((key_T < starts_BQ.unsqueeze(2) - history).unsqueeze(1), hidden)


def segments_up_to(query_BQ: Tensor, key_BT: Tensor, lengths_B: Tensor) -> Tensor:
    """(B, 1, Q, T) bool from segment ids of queries and of keys, of which the first `lengths_B` are not padding."""
    keys_BT = readable_keys(lengths_B, key_BT.size(1))
    return ((key_BT.unsqueeze(1) <= query_BQ.unsqueeze(2)) & keys_BT.unsqueeze(1)).unsqueeze(1)


class _Falling(torch.autograd.Function):
    """S -> the bias; keeps S alone for the backward pass, and makes no T x T float tensor but the bias itself."""

    @staticmethod
    def forward(ctx: Any, sums_BT: Tensor, lengths_B: Tensor, dtype: torch.dtype) -> Tensor:
        batch, frames = sums_BT.shape
        bias_BTT = torch.empty(batch, frames, frames, dtype=dtype, device=sums_BT.device)
        torch.sub(sums_BT.unsqueeze(2), sums_BT.unsqueeze(1), out=bias_BTT)
        keys_BT = readable_keys(lengths_B, frames)
        ctx.save_for_backward(sums_BT, keys_BT)
        return bias_BTT.clamp_(min=LOG_ZERO).triu_(1).masked_fill_(~keys_BT.unsqueeze(1), LOG_ZERO)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BTT: Tensor) -> tuple[Tensor, None, None]:
        sums_BT, keys_BT = ctx.saved_tensors
        uncut_BTT = sums_BT.unsqueeze(1) < sums_BT.unsqueeze(2) - LOG_ZERO
        reached_BTT = uncut_BTT.logical_and_(keys_BT.unsqueeze(1)).triu_(1)
        flowing_BTT = torch.where(reached_BTT, gradient_BTT, 0.0)
        wide = sums_BT.dtype
        return flowing_BTT.sum(2, dtype=wide) - flowing_BTT.sum(1, dtype=wide), None, None
