"""Noun phrases: one meaning that can be said in English and, in each case, in German."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from mgcm_fairseq.spoken.lexicon import Adjective, Noun

Case = Literal["nom", "acc", "dat"]
Person = Literal["1s", "2s", "3s", "1p", "3p"]  # "you" is always du

_COLUMN = {"m": 0, "f": 1, "n": 2, "p": 3}  # the order of the endings below; p: plural
_ARTICLE = {"nom": ("der", "die", "das", "die"), "acc": ("den", "die", "das", "die"),
            "dat": ("dem", "der", "dem", "den")}
_STRONG = {"nom": ("er", "e", "es", "e"), "acc": ("en", "e", "es", "e"), "dat": ("em", "er", "em", "en")}
_WEAK = {"nom": ("e", "e", "e", "en"), "acc": ("en", "e", "e", "en"), "dat": ("en", "en", "en", "en")}
_MIXED = {"nom": ("er", "e", "es", "en"), "acc": ("en", "e", "es", "en"), "dat": ("en", "en", "en", "en")}
_EIN = {"nom": ("", "e", "", "e"), "acc": ("en", "e", "", "e"), "dat": ("em", "er", "em", "en")}
_CONTRACTED = {("in", "dem"): "im", ("an", "dem"): "am", ("von", "dem"): "vom", ("in", "das"): "ins"}


@dataclass(frozen=True)
class Determiner:
    """What stands before adjectives and noun.

    Attributes:
        english: empty for none.
        german: without its ending.
        endings: of the adjectives that follow, and with them of the determiner: "article" (der, die, das), "weak"
            (as dieser), "mixed" (as ein), "strong" (as viele), "bare" (no ending, as a number; adjectives are strong).
        definite: definite objects stand early in the German clause, the others late.
    """

    english: str
    german: str
    endings: Literal["article", "weak", "mixed", "strong", "bare"]
    definite: bool = False


THE = Determiner("the", "", "article", definite=True)
A = Determiner("a", "ein", "mixed")
NOT_A = Determiner("a", "kein", "mixed")  # after "not", as the two that follow
NOT_ANY = Determiner("any", "kein", "mixed")
NOT_BARE = Determiner("", "kein", "mixed")
BARE = Determiner("", "", "bare")
THIS = Determiner("this", "dies", "weak", definite=True)
THESE = Determiner("these", "dies", "weak", definite=True)
WHICH = Determiner("which", "welch", "weak", definite=True)
EVERY = Determiner("every", "jed", "weak", definite=True)
ALL = Determiner("all", "all", "weak", definite=True)
MANY = Determiner("many", "viel", "strong")
SOME = Determiner("some", "einig", "strong")
POSSESSIVES = tuple(Determiner(english, german, "mixed", definite=True) for english, german in (
    ("my", "mein"), ("your", "dein"), ("his", "sein"), ("her", "ihr"), ("our", "unser"), ("their", "ihr")))


class Phrase(Protocol):
    """What can be subject or object; `light` ones stand at the front of the German middle field."""

    @property
    def person(self) -> Person: ...

    @property
    def light(self) -> bool: ...

    def english(self, case: Case) -> str: ...

    def german(self, case: Case) -> str: ...


@dataclass(frozen=True)
class Pronoun:
    """English subject and object form; German nominative, accusative and dative."""

    forms: tuple[str, str]
    cases: tuple[str, str, str]
    person: Person = "3s"
    light: bool = field(default=True, init=False)

    def english(self, case: Case) -> str:
        return self.forms[case != "nom"]

    def german(self, case: Case) -> str:
        return self.cases[("nom", "acc", "dat").index(case)]


WHO = Pronoun(("who", ""), ("wer", "", ""))
WHAT = Pronoun(("", "what"), ("", "was", ""))
SHE = Pronoun(("she", ""), ("sie", "", ""))  # no object: "her" is always the possessive
PRONOUNS = (
    Pronoun(("I", "me"), ("ich", "mich", "mir"), "1s"),
    Pronoun(("you", "you"), ("du", "dich", "dir"), "2s"),
    Pronoun(("he", "him"), ("er", "ihn", "ihm"), "3s"),
    Pronoun(("we", "us"), ("wir", "uns", "uns"), "1p"),
    Pronoun(("they", "them"), ("sie", "sie", "ihnen"), "3p"),
)


@dataclass(frozen=True)
class Name:
    """A proper name, the same in both languages and all cases."""

    name: str
    person: Person = field(default="3s", init=False)
    light: bool = field(default=True, init=False)

    def english(self, case: Case) -> str:
        return self.name

    def german(self, case: Case) -> str:
        return self.name


@dataclass(frozen=True)
class NounPhrase:
    """Determiner, at most one adjective, noun."""

    noun: Noun
    determiner: Determiner
    adjective: Adjective | None = None
    plural: bool = False
    light: bool = field(default=False, init=False)

    @property
    def person(self) -> Person:
        return "3p" if self.plural else "3s"

    @property
    def column(self) -> int:
        """Where the endings of this gender and number stand in a row."""
        return _COLUMN["p" if self.plural else self.noun.gender]

    def english(self, case: Case) -> str:
        noun = self.noun.english_plural if self.plural else self.noun.english
        rest = f"{self.adjective.english} {noun}" if self.adjective else noun
        determiner = self.determiner.english
        if determiner == "a" and _needs_an(rest):
            determiner = "an"
        return f"{determiner} {rest}".lstrip()

    def german(self, case: Case) -> str:
        endings = {"article": _WEAK, "weak": _WEAK, "mixed": _MIXED}.get(self.determiner.endings, _STRONG)
        adjective = self.adjective.stem + endings[case][self.column] if self.adjective else ""
        return " ".join(word for word in (self._german_determiner(case), adjective, self._german_noun(case)) if word)

    def _german_determiner(self, case: Case) -> str:
        match self.determiner.endings:
            case "article":
                return _ARTICLE[case][self.column]
            case "bare":
                return self.determiner.german
            case "mixed":
                return self.determiner.german + _EIN[case][self.column]
            case _:
                return self.determiner.german + _STRONG[case][self.column]

    def _german_noun(self, case: Case) -> str:
        if self.plural:
            word = self.noun.german_plural
            return word + "n" if case == "dat" and not word.endswith(("n", "s")) else word
        return self.noun.german_plural if self.noun.weak and case != "nom" else self.noun.german

    def relative_pronoun(self, case: Literal["nom", "acc"]) -> str:
        """der, die, das or den that refers back to this phrase."""
        return _ARTICLE[case][self.column]


def _needs_an(rest: str) -> bool:
    return rest[0] in "aeiou" or rest.startswith("honest")


def with_preposition(preposition: str, phrase: Phrase, case: Case) -> str:
    """German preposition and phrase, contracted where German does (im, am, vom, ins)."""
    first, _, rest = phrase.german(case).partition(" ")
    short = _CONTRACTED.get((preposition, first))
    return f"{short} {rest}" if short else f"{preposition} {first} {rest}".rstrip()
