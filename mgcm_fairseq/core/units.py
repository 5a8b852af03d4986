"""Units of writing, words or characters, told from the pieces that make them up. B batch, U piece.

A piece's kind is a sum of flags. Where words have spaces between them a piece either begins one or does not. Elsewhere
that can depend on what stands before it: letters lengthen a word of letters, but behind an ideograph they begin one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

BEGINS = 1  # begins a unit, whatever stands before it
JOINS = 2  # begins a unit unless a word is open before it, which it lengthens
OPEN = 4  # a word that JOINS pieces would lengthen is open behind it
CLOSED = 8  # none is; a piece with neither leaves it as it was


class PieceKinds(NamedTuple):
    """The kind of each piece of a vocabulary, which each language has its own of."""

    source: Sequence[int]
    target: Sequence[int]


def unit_starts(kinds_BU: Tensor) -> Tensor:
    """(B, U) bool, True where a piece begins a unit.

    Args:
        kinds_BU: kinds of the pieces of each text from its first on; where none has told, no word is open.
    """
    before_BU = F.pad(_told(kinds_BU)[:, :-1], (1, 0))
    return (kinds_BU & BEGINS > 0) | ((kinds_BU & JOINS > 0) & (before_BU != OPEN))


def open_behind(kinds_BU: Tensor) -> Tensor:
    """(B, U) bool, True where a word is open behind a piece; of the languages that tell."""
    return _told(kinds_BU) == OPEN


def closed_behind(kinds_BU: Tensor) -> Tensor:
    """(B, U) bool, True where whatever follows a piece, but for marks, begins a unit; of the languages that tell."""
    return _told(kinds_BU) == CLOSED


def _told(kinds_BU: Tensor) -> Tensor:
    """(B, U) what the last piece up to each one tells, OPEN or CLOSED; 0 where none has."""
    told_BU = kinds_BU & (OPEN | CLOSED)
    places_U = torch.arange(kinds_BU.size(1), device=kinds_BU.device)
    last_BU = torch.where(told_BU > 0, places_U, 0).cummax(1).values
    return told_BU.gather(1, last_BU)
