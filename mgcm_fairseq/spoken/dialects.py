"""Made-up source languages of known relatedness: words of English or German text, respelt and with sounds exchanged.

A family exchanges vowels for vowels and consonants for consonants of their class in the words of one text: families 1
and 3 of English, families 2 and 4 of German, whose order and endings they keep. A dialect has most words as its family
has them, and the others with sounds exchanged in a way of its own. All are written in the letters of Esperanto, a sound
each, so that one voice reads them all.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from random import Random
from string import ascii_lowercase
from typing import Literal

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.spoken.text import Pair

VOICE = "eo"  # espeak-ng's Esperanto
MOST = 4
_VOWELS = "aeiou"
_CONSONANTS = ("ptkbdg", "fvszŝĵĉĝ", "mnlr", "hjŭ")
_SPELLINGS = (("sch", "ŝ"), ("sh", "ŝ"), ("ch", "ĉ"), ("ck", "k"), ("gh", "ĝ"), ("ph", "f"), ("th", "ĵ"), ("qu", "kŭ"),
              ("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"), ("c", "k"), ("w", "ŭ"), ("x", "ks"), ("'", ""))
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


@dataclass(frozen=True)
class Dialect:
    """One language: its code, the numbers of its family and of itself in the family, from 1 on."""

    code: str
    family: int
    number: int
    relatedness: float
    seed: int

    @property
    def rewrites(self) -> Literal["en", "de"]:
        """The language of the text that it is made from."""
        return "en" if self.family % 2 else "de"

    def pair(self, pair: Pair) -> Pair:
        """An English sentence and its German translation become this language's sentence and the translation."""
        sentence = "".join(self._said(pair[self.rewrites == "de"]))
        return sentence[:1].upper() + sentence[1:], pair[1]

    def word(self, word: str) -> str:
        """The word of this language for a word in lower case of the text that it is made from."""
        common = _share(f"{self.seed}/{self.family}/{word}") < self.relatedness
        return respelt(word).translate(self._of_family if common else self._own)

    def _said(self, text: str) -> Iterator[str]:
        end = 0
        for found in _WORD.finditer(text):
            yield text[end:found.start()] + self.word(found[0].lower())
            end = found.end()
        yield text[end:]

    @cached_property
    def _of_family(self) -> dict[int, str]:
        return _exchange(self.seed, self.family, 0)

    @cached_property
    def _own(self) -> dict[int, str]:
        return _exchange(self.seed, self.family, self.number)


def dialects(families: int, each: int, relatedness: float, seed: int) -> tuple[Dialect, ...]:
    """`each` dialects of so many families: qaa, qab, ..., which ISO 639 leaves to local use.

    Raises InputError for fewer than two languages, more than `MOST` families or dialects of one, or a relatedness that
    is no share.
    """
    if not 1 <= families <= MOST or not 1 <= each <= MOST or families * each < 2:
        raise InputError(
            "--dialects", f"1 to {MOST} families of 1 to {MOST} dialects, such as 2x2, and two languages at least",
            f"{families}x{each}", "With five vowels a word has a form of its own in a family and in four dialects, no "
            "more, and with four families each of the two texts is rewritten twice.")
    if not 0 <= relatedness <= 1:
        raise InputError("--relatedness", "a share of the words, 0 to 1", f"{relatedness:g}", "Choose another.")
    numbers = product(range(1, families + 1), range(1, each + 1))
    return tuple(Dialect(f"qa{letter}", family, number, relatedness, seed)
                 for letter, (family, number) in zip(ascii_lowercase, numbers, strict=False))


def respelt(word: str) -> str:
    """A word in lower case in letters that Esperanto reads, one for each sound; y is a vowel unless one follows it."""
    for letters, sound in _SPELLINGS:
        word = word.replace(letters, sound)
    return re.sub(f"y(?=[{_VOWELS}])", "j", word).replace("y", "i")


def _exchange(seed: int, family: int, number: int) -> dict[int, str]:
    """Letter -> letter. Of a family, number 0, and its dialects no two have the same vowel for a vowel."""
    vowels = _vowels(seed, family)
    table = dict(zip(_VOWELS, vowels[number:] + vowels[:number], strict=True))
    random = Random(f"{seed}/{family}/{number}/consonants")
    for sounds in _CONSONANTS:
        table |= zip(sounds, random.sample(sounds, len(sounds)), strict=True)
    return str.maketrans(table)


def _vowels(seed: int, family: int) -> list[str]:
    """What a family has for each vowel: never what the family before it has that rewrites the same text."""
    random = Random(f"{seed}/{family}/vowels")
    before = _vowels(seed, family - 2) if family > 2 else [""] * len(_VOWELS)
    while True:
        vowels = random.sample(_VOWELS, len(_VOWELS))
        if all(vowel != other for vowel, other in zip(vowels, before, strict=True)):
            return vowels


def _share(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
