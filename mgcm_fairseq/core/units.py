"""Units of writing, words or characters, told from the pieces that make them up. B batch, U piece."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mgcm_fairseq.core.kinds import BEGINS, CLOSED, JOINS, OPEN


def unit_starts(kinds_BU: Tensor) -> Tensor:
    """(B, U) bool, True where a piece begins a unit.

    Args:
        kinds_BU: kinds of the pieces of each text from its first on; where none has told, no word is open.
    """
    before_BU = F.pad(_told(kinds_BU)[:, :-1], (1, 0))
    return (kinds_BU & BEGINS != 0) | ((kinds_BU & JOINS != 0) & (before_BU != OPEN))


def open_behind(kinds_BU: Tensor) -> Tensor:
    """(B, U) bool, True where a word is open behind a piece; of the languages that tell."""
    return _told(kinds_BU) == OPEN


def closed_behind(kinds_BU: Tensor) -> Tensor:
    """(B, U) bool, True where whatever follows a piece, but for marks, begins a unit; of the languages that tell."""
    return _told(kinds_BU) == CLOSED


def _told(kinds_BU: Tensor) -> Tensor:
    """(B, U) what the last piece up to each one tells, OPEN or CLOSED; 0 where none has."""
    told_BU = kinds_BU & (OPEN | CLOSED)
    positions_U = torch.arange(kinds_BU.size(1), device=kinds_BU.device)
    last_BU = torch.where(told_BU != 0, positions_U, 0).cummax(1).values
    return told_BU.gather(1, last_BU)
