"""What the pieces of a vocabulary do to the units of writing, words or characters. Without torch: preparation reads it.

A piece's kind is a sum of flags. Where words have spaces between them a piece either begins one or does not. Elsewhere
that can depend on what stands before it: letters lengthen a word of letters, but behind an ideograph they begin one.
"""

from collections.abc import Sequence
from typing import NamedTuple

BEGINS = 1  # begins a unit, whatever stands before it
JOINS = 2  # begins a unit unless a word is open before it, which it lengthens
OPEN = 4  # a word that JOINS pieces would lengthen is open behind it
CLOSED = 8  # none is; a piece with neither leaves it as it was


class PieceKinds(NamedTuple):
    """The kind of each piece of a vocabulary, which each language has its own of."""

    source: Sequence[int]
    target: Sequence[int]
