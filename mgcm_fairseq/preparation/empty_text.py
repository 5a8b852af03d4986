"""Whether a text has anything to read: a letter, a digit, a punctuation mark or a symbol, as the vocabulary sees it."""

import re
from functools import cache
from unicodedata import category

import sentencepiece

_SEEN = re.compile("[!-~]")  # in ascii; decides most texts
_EMPTY = frozenset("\u2581\ufffd\u115f\u1160\u3164\uffa0\u2800")  # spaces, Hangul fillers, braille
_NOTHING = frozenset("MZ")  # marks without a letter under them, and spaces
_CONTROLS = ("Cc", "Cf")


def is_empty_text(text: str) -> bool:
    """Whether SentencePiece's normalisation leaves nothing of the text that shows."""
    return not _SEEN.search(text) and not any(map(_shows, _normaliser().normalize(text)))


def _shows(char: str) -> bool:
    kind = category(char)
    return kind[0] not in _NOTHING and kind not in _CONTROLS and char not in _EMPTY


@cache
def _normaliser() -> sentencepiece.SentencePieceNormalizer:
    return sentencepiece.SentencePieceNormalizer(rule_name="nmt_nfkc")
