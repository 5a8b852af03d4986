"""Pieces as the units in which the target language is written: what is whole, what would lengthen it, and its text."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from mgcm_fairseq.core.kinds import BEGINS, JOINS
from mgcm_fairseq.core.policy import whole_words
from mgcm_fairseq.core.units import closed_behind, open_behind, unit_starts
from mgcm_fairseq.data.languages import Language
from mgcm_fairseq.data.vocabulary import Vocabulary


class Writing:
    """Of a vocabulary in a language. V pieces.

    `before`, in all of it, are the pieces of the sentence that stand before those in question.
    """

    def __init__(self, vocabulary: Vocabulary, kinds: Sequence[int], language: Language) -> None:
        """`kinds`: (V,) those of the language."""
        self.vocabulary = vocabulary
        self.language = language
        self.separator = " " if language.spaced else ""  # between texts written one after the other
        self._kinds_V = torch.tensor(kinds)
        marks_V = torch.tensor([not any(char.isalnum() for char in piece) for piece in vocabulary.pieces])
        marks_V[[vocabulary.eos, vocabulary.unk]] = True
        begins_V = self._kinds_V & BEGINS > 0
        self._lengthening = {is_open: ~(begins_V | marks_V | ((self._kinds_V & JOINS > 0) & (not is_open)))
                             for is_open in (True, False)}

    def starts(self, pieces: Sequence[int], before: Sequence[int] = ()) -> list[bool]:
        """For each piece whether it begins a unit."""
        starts: list[bool] = unit_starts(self._kinds([*before, *pieces]))[0, len(before):].tolist()
        return starts

    def whole(self, accepted: int, pieces: Sequence[int], ended: bool, before: Sequence[int] = ()) -> int:
        """How many of the first `accepted` pieces make up units that nothing but marks can be added to.

        `ended`: whether </s> follows the pieces.
        """
        closed = closed_behind(self._kinds([*before, *pieces]))[0, len(before):].tolist()
        return whole_words(accepted, self.starts(pieces, before), ended, closed)

    def lengthening(self, before: Sequence[int]) -> Tensor:
        """(V,) bool: pieces that would lengthen the unit written last; neither marks nor specials."""
        return self._lengthening[bool(open_behind(self._kinds(before))[0, -1])]

    def text(self, pieces: Sequence[int], before: Sequence[int] = ()) -> str:
        """What pieces add to the text of those before.

        Words, to be joined by spaces; without spaces between words, with every space that is part of the text.
        """
        if self.language.spaced:
            return self.vocabulary.decode(pieces)
        return self.vocabulary.decode([*before, *pieces])[len(self.vocabulary.decode(before)):]

    def joined(self, texts: Iterable[str]) -> str:
        """Texts written one after the other as one."""
        return self.separator.join(filter(None, texts))

    def split(self, text: str) -> list[str]:
        """A text's words, or its characters in a language without spaces between words."""
        return text.split() if self.language.spaced else list(text)

    def _kinds(self, pieces: Sequence[int]) -> Tensor:
        return self._kinds_V[torch.tensor([pieces], dtype=torch.long)]
