"""Draws nouns, adjectives, determiners and noun phrases at random."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from mgcm_fairseq.spoken import words
from mgcm_fairseq.spoken.lexicon import Adjective, Noun, adjectives, nouns_by_kind, numbers
from mgcm_fairseq.spoken.phrases import (
    ALL,
    BARE,
    EVERY,
    MANY,
    POSSESSIVES,
    PRONOUNS,
    SHE,
    SOME,
    THE,
    THESE,
    THIS,
    A,
    Determiner,
    Name,
    NounPhrase,
    Phrase,
    Pronoun,
)

T = TypeVar("T")

_NAMES = tuple(Name(name) for name in words.NAMES.split())
_SUBSETS = {
    ".cooked": "egg potato soup fish",
    ".dish": "cup plate glass bottle",
    ".container": "bottle box bag",
    ".picture": "picture map",
    ".picked": "flower rose apple orange",
    ".signed": "letter report list",
    ".room": "kitchen office street roof",
    ".near": "kitchen garden school office hospital restaurant museum house church hotel park station",
    ".far": "city village forest castle market",
    ".water": "lake river",
}
_FITS = {"person": "P", "animal": "A", "food": "F", "drink": "F", "site": "L", "building": "L", "text": "T",
         "thing": "T", "clothes": "TC", "device": "T", "vehicle": "TC", "opening": "TC", "plant": "C"}
_NOBODYS = frozenset({"king", "queen", "mayor", "soldier", "man", "woman", "pilot", "dancer"})  # without a possessive


class Draw:
    """One stream of random choices; the same seed gives the same choices."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)
        kinds = nouns_by_kind()
        listed = {noun.english: noun for group in kinds.values() for noun in group}
        subsets = {name: tuple(listed[word] for word in text.split()) for name, text in _SUBSETS.items()}
        self._nouns = {**kinds, **subsets}

    def chance(self, probability: float) -> bool:
        """True with `probability`."""
        return self._random.random() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of `options`, all equally likely."""
        return self._random.choice(options)

    def weighted(self, options: dict[T, int]) -> T:
        """One key, as likely as its value says."""
        return self._random.choices(list(options), list(options.values()))[0]

    def noun(self, kinds: Sequence[str]) -> Noun:
        """A noun of one of the kinds or subsets."""
        return self.pick([noun for kind in kinds for noun in self._nouns[kind]])

    def adjective(self, noun: Noun) -> Adjective:
        """An adjective that goes with `noun`."""
        return self.pick([adjective for adjective in adjectives() if set(_FITS[noun.kind]) & set(adjective.fits)])

    def number(self) -> tuple[str, str]:
        """2 to 99; those up to 19 and the round ones more often."""
        return self.pick(numbers()[:18]) if self.chance(0.4) else self.pick(numbers()[18:])

    def phrase(self, noun: Noun, adjective: float = 0.15, plural: float = 0.33) -> NounPhrase:
        """`noun` with a determiner; with the given probabilities with an adjective and in the plural."""
        determiner, many = self._determiner(noun, plural)
        return NounPhrase(noun, determiner, self.adjective(noun) if self.chance(adjective) else None, many)

    def singular(self, noun: Noun, adjective: float = 0.0) -> NounPhrase:
        """`noun` in the singular with the, a or a possessive."""
        determiner = self.weighted({THE: 5, A: 2, self._possessive(noun): 2})
        return NounPhrase(noun, determiner, self.adjective(noun) if self.chance(adjective) else None)

    def _possessive(self, noun: Noun) -> Determiner:
        return THIS if noun.english in _NOBODYS else self.pick(POSSESSIVES)

    def _determiner(self, noun: Noun, plural: float) -> tuple[Determiner, bool]:
        """A determiner, and whether the noun is plural."""
        possessive = self._possessive(noun)
        if not noun.german_plural:
            return self.weighted({THE: 4, BARE: 4, possessive: 3}), False
        if not noun.english_plural:
            return self.weighted({THE: 6, possessive: 3, THIS: 1}), False
        if not self.chance(plural):
            return self.weighted({THE: 8, A: 6, possessive: 4, THIS: 2, EVERY: 1}), False
        english, german = self.number()
        counted = Determiner(english, german, "bare")
        possessive = THESE if possessive is THIS else possessive
        return self.weighted({THE: 8, counted: 7, possessive: 3, THESE: 3, MANY: 3, SOME: 3, ALL: 2}), True

    def subject(self, pronouns: float = 0.24, names: float = 0.1, kinds: Sequence[str] = ("person",)) -> Phrase:
        """A pronoun or name with the given probabilities, else a noun phrase."""
        draw = self._random.random()
        if draw < pronouns:
            return self.pick((*PRONOUNS, SHE))
        if draw < pronouns + names:
            return self.pick(_NAMES)
        return self.phrase(self.noun(kinds), plural=0.32)

    def object(self, kinds: Sequence[str], subject: Phrase) -> Phrase:
        """An object that is not the subject."""
        if "person" in kinds and self.chance(0.35):
            if self.chance(0.6):
                taken = subject.person[0] if isinstance(subject, Pronoun) else None
                return self.pick([pronoun for pronoun in PRONOUNS if pronoun.person[0] != taken])
            return self.pick([name for name in _NAMES if name != subject])
        noun = self.noun(kinds)
        while isinstance(subject, NounPhrase) and noun == subject.noun:
            noun = self.noun(kinds)
        return self.phrase(noun)
