"""Wait-k cross-attention: what a target position sees of the source. B batch, U target position, T source position.

A source position belongs to a unit: a segment of speech, or a token of text. A target position that comes after w
written units sees the first k + w units of the source, where k >= 1 is the lag: segments that are complete when it is
written. Once the source has ended there are no more than it sees, and it sees everything. A policy that reads until
k + w segments are complete, or the source has ended, and then masks what it has read by this same function, gives in
streaming what training gave.

`written_BU` is the unit in which the target is counted, and the same in training and at test: `pieces_written` or
`words_begun`. The position whose input is the language tag has written nothing, w = 0, and predicts the first piece.
Published: an end of sentence stands before the tag, so that w, which is then the position, is 1 at the first piece;
its agent counts without the tag.

`published` also hides the boundary frame of the last visible segment (an inclusive count of boundaries), and lets no
position see less than `count <= 1`.
"""

import torch
from torch import Tensor

from mgcm_fairseq.core.segmentation.padding import readable_keys
from mgcm_fairseq.core.segmentation.segments import segment_ids


def pieces_written(inputs_BU: Tensor) -> Tensor:
    """(B, U) target pieces written before each position's prediction; input 0 is the language tag."""
    return torch.arange(inputs_BU.size(1), device=inputs_BU.device).expand(inputs_BU.shape)


def words_begun(starts_BU: Tensor) -> Tensor:
    """(B, U) target words begun before each position's prediction.

    The mask may not know which piece is to come, hence not whether it continues the last word: all pieces of a word
    but its first see one segment more.

    Args:
        starts_BU: True where the INPUT piece begins a word; False at the language tag, which is input 0.
    """
    return starts_BU.long().cumsum(1)


def wait_mask(units_BT: Tensor, lengths_B: Tensor, written_BU: Tensor, lag: int, published: bool = False) -> Tensor:
    """(B, 1, U, T) bool, True where target position u sees source position t: its unit is below lag + written.

    Args:
        units_BT: unit of each source position, from 0, never falling.
        lengths_B: source positions that are not padding.
        written_BU: target units written before each position.
        lag: k, from 1; ValueError below.
        published: see the module.
    """
    if lag < 1:
        raise ValueError(f"wait-k: expected a lag of 1 or more, found {lag}.")
    return _visible(units_BT, lengths_B, lag + written_BU, published)


def wait_masks(units_BT: Tensor, lengths_B: Tensor, written_BU: Tensor, lags: int, published: bool = False) -> Tensor:
    """(K, B, 1, U, T) bool: `wait_mask` for every lag from 1 to `lags`."""
    lag_K11 = torch.arange(1, lags + 1, device=written_BU.device)[:, None, None]
    return _visible(units_BT, lengths_B, lag_K11 + written_BU, published)


def segment_units(boundaries_BT: Tensor, published: bool = False) -> Tensor:
    """(B, T) the unit of each frame for `wait_mask`: its segment id; published: boundaries up to and with the frame."""
    return segment_ids(boundaries_BT) + boundaries_BT.long() if published else segment_ids(boundaries_BT)


def token_units(tokens_BT: Tensor) -> Tensor:
    """(B, T) the unit of each token for `wait_mask`: its position, for the wait-k of text."""
    return torch.arange(tokens_BT.size(1), device=tokens_BT.device).expand(tokens_BT.shape)


def _visible(units_BT: Tensor, lengths_B: Tensor, allowed: Tensor, published: bool) -> Tensor:
    """allowed (..., B, U) -> (..., B, 1, U, T)."""
    if published:
        allowed = allowed.clamp(min=2)  # count <= clamp(k - 1 + i, 1, T), of which the upper end never binds
    keys_BT = readable_keys(lengths_B, units_BT.size(1))
    return ((units_BT.unsqueeze(1) < allowed.unsqueeze(-1)) & keys_BT.unsqueeze(1)).unsqueeze(-3)
