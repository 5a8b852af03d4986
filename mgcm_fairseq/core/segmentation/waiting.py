"""Wait-k cross-attention: what a target position sees of the source. B batch, U target position, T source position.

A source position belongs to a unit: a segment of speech, or a word or token of text. A target position that comes after
w written units sees the first k + w units of the source, where k >= 1 is the lag: segments that are complete when it is
written. Once the source has ended there are no more than it sees, and it sees everything. A policy that reads until
k + w segments are complete, or the source has ended, and then masks what it has read by this same function, gives in
streaming what training gave.

Which units these are is the variant's: the same for the target in training and at test. The position whose input is the
language tag has written nothing, w = 0, and predicts the first piece.
"""

import torch
from torch import Tensor

from mgcm_fairseq.core.segmentation.padding import readable_keys


def positions(tokens_BU: Tensor) -> Tensor:
    """(B, U) the position of each token, from 0: pieces written before it, where input 0 is the language tag."""
    return torch.arange(tokens_BU.size(1), device=tokens_BU.device).expand(tokens_BU.shape)


def words_begun(starts_BU: Tensor) -> Tensor:
    """(B, U) target words begun before each position's prediction.

    The mask may not know which piece is to come, hence not whether it continues the last word: all pieces of a word
    but its first see one segment more.

    Args:
        starts_BU: True where the INPUT piece begins a word; False at the language tag, which is input 0.
    """
    return starts_BU.cumsum(1)


def units_seen(written_BU: Tensor, lag: int) -> Tensor:
    """(B, U) k + w: the units of the source that each position sees, from those written; ValueError for a lag below 1.
    """
    if lag < 1:
        raise ValueError(f"wait-k: expected a lag of 1 or more, found {lag}.")
    return lag + written_BU


def visible_units(units_BT: Tensor, lengths_B: Tensor, seen_BU: Tensor) -> Tensor:
    """(B, 1, U, T) bool, True where target position u sees source position t, whose unit is one of the first `seen`.

    Args:
        units_BT: unit of each source position, from 0, never falling.
        lengths_B: source positions that are not padding.
        seen_BU: how many units each target position sees.
    """
    keys_BT = readable_keys(lengths_B, units_BT.size(1))
    return ((units_BT.unsqueeze(1) < seen_BU.unsqueeze(2)) & keys_BT.unsqueeze(1)).unsqueeze(1)
