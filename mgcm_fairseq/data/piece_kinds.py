"""Of which kind a piece of text is: what it does to the units, words or characters, of the language."""

import unicodedata

from mgcm_fairseq.core.kinds import BEGINS, CLOSED, JOINS, OPEN

_SPACE = "▁"  # SentencePiece's
_IDEOGRAPHIC = ("CJK ", "IDEOGRAPHIC ", "HIRAGANA ", "KATAKANA", "BOPOMOFO ")  # Unicode names begin so


def spaced_kind(piece: str) -> int:
    """Where words have spaces between them a piece begins one if a space stands in front."""
    return BEGINS if piece.startswith(_SPACE) else 0


def unspaced_kind(piece: str) -> int:
    """Where they have none a piece that begins with an ideograph or a kana begins a unit of its own.

    So does a word or number in letters and digits of any alphabet, to which all of its pieces belong. Marks belong to
    what stands before them, a space to what follows; wide marks, and spaces, end a word.
    """
    written = [char for char in piece if char.isalnum()]
    if not written:
        return CLOSED if piece.startswith(_SPACE) or _ends(piece) else 0
    begins = BEGINS if piece.startswith(_SPACE) or _is_ideograph(written[0]) else JOINS
    return begins | (CLOSED if _is_ideograph(written[-1]) or _ends(piece[piece.rindex(written[-1]):]) else OPEN)


def _ends(marks: str) -> bool:
    return any(unicodedata.east_asian_width(char) in "WF" and not char.isalnum() for char in marks)


def _is_ideograph(char: str) -> bool:
    return unicodedata.name(char, "").startswith(_IDEOGRAPHIC)
