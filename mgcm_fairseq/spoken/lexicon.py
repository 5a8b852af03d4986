"""Reads the word tables of the built-in grammar into records with every form spelled out."""

from dataclasses import dataclass
from functools import cache

from mgcm_fairseq.spoken import nouns, verbs, words

_INSEPARABLE = ("be", "ver", "zer", "ent", "er", "über")
_SHORT_STEMS = {"müde": "müd", "teuer": "teur", "dunkel": "dunkl"}  # before an ending


@dataclass(frozen=True)
class Noun:
    """A noun with its forms; no English plural: used in the singular only."""

    english: str
    english_plural: str
    german: str
    gender: str  # m f n
    german_plural: str  # empty for a mass noun
    weak: bool  # accusative and dative singular look like the plural
    kind: str
    where: tuple[str, str] = ("", "")  # English and German preposition of a location


@dataclass(frozen=True)
class Verb:
    """A verb with its forms; `particle` is the English one, `prefix` the German separable one."""

    english: str
    english_third: str
    english_past: str  # empty: never used in the past
    particle: str
    prefix: str
    infinitive: str  # without prefix
    present: dict[str, str]  # by person 1s 2s 3s 1p 3p, without prefix
    participle: str  # with prefix
    auxiliary: str  # haben or sein
    valency: str
    takes: tuple[str, ...]  # the last columns of its table


@dataclass(frozen=True)
class Adjective:
    """`german` is the bare form, `stem` the one that takes endings, `fits` the kinds of noun it goes with."""

    english: str
    german: str
    stem: str
    fits: str


@dataclass(frozen=True)
class Time:
    """A time phrase; `front` ones open a German main clause, the others follow its finite verb."""

    english: str
    german: str
    tenses: str = ""
    front: bool = True


@cache
def nouns_by_kind() -> dict[str, tuple[Noun, ...]]:
    """Every noun of nouns.py."""
    return {kind: tuple(_noun(line, kind) for line in lines) for kind, lines in _tables(nouns).items()}


@cache
def verbs_by_valency() -> dict[str, tuple[Verb, ...]]:
    """Every verb of verbs.py."""
    return {valency: tuple(_verb(line, valency) for line in lines) for valency, lines in _tables(verbs).items()}


@cache
def adjectives() -> tuple[Adjective, ...]:
    """Adjectives in table order."""
    rows = [line.split() for line in words.ADJECTIVES.strip().splitlines()]
    return tuple(Adjective(english, german, _SHORT_STEMS.get(german, german), fits) for english, german, fits in rows)


@cache
def times() -> tuple[Time, ...]:
    """Time phrases in table order."""
    rows = rows_of("TIMES")
    return tuple(Time(english, german, tenses, front == "front") for english, german, tenses, front in rows)


@cache
def rows_of(table: str) -> tuple[tuple[str, ...], ...]:
    """The rows of a table of words.py whose columns are divided by bars."""
    return tuple(tuple(line.split("|")) for line in getattr(words, table).strip().splitlines())


@cache
def numbers() -> tuple[tuple[str, str], ...]:
    """(English, German) of 2 to 99, in order; "twenty-three" is "dreiundzwanzig"."""
    ones, found = rows_of("ONES"), list(rows_of("ONES"))[1:]
    for english, german in rows_of("TENS"):
        found.append((english, german))
        for one, eins in ones[:9]:
            found.append((f"{english}-{one}", f"{'ein' if one == 'one' else eins}und{german}"))
    return tuple((english, german) for english, german in found)


def _tables(module: object) -> dict[str, list[str]]:
    return {name.lower(): text.strip().splitlines() for name, text in vars(module).items() if name.isupper()}


def _noun(line: str, kind: str) -> Noun:
    english, plural, german, gender, german_plural, *where = line.split()
    at, an = where[0].split("/") if where else ("", "")
    return Noun(english, plural.strip("-"), german, "m" if gender == "w" else gender, german_plural.strip("-"),
                gender == "w", kind, (at, an))


def _verb(line: str, valency: str) -> Verb:
    english, past, german, er, du, participle, auxiliary, *takes = line.split()
    base, _, particle = english.partition("~")
    prefix, _, infinitive = german.rpartition("+")
    past = {"=": _regular_past(base), "!": ""}.get(past, past)
    participle = prefix + _participle(infinitive, participle)
    return Verb(base, _third_person(base), past, particle, prefix, infinitive, _present(infinitive, er, du), participle,
                {"h": "haben", "s": "sein"}[auxiliary], valency, tuple(takes))


def _ends_in_consonant_y(base: str) -> bool:
    return base.endswith("y") and base[-2] not in "aeiou"


def _third_person(base: str) -> str:
    if base == "have":
        return "has"
    if base.endswith(("s", "x", "ch", "sh", "o")):
        return base + "es"
    return base[:-1] + "ies" if _ends_in_consonant_y(base) else base + "s"


def _regular_past(base: str) -> str:
    """Without doubled consonants: those are spelled out in the table."""
    if _ends_in_consonant_y(base):
        return base[:-1] + "ied"
    return base + ("d" if base.endswith("e") else "ed")


def _stem(infinitive: str) -> tuple[str, str]:
    """Stem and the vowel that links it to -t and -st."""
    stem = infinitive[:-2] if infinitive.endswith("en") else infinitive[:-1]
    return stem, "e" if stem.endswith(("t", "d", "chn", "ffn")) else ""


def _present(infinitive: str, er: str, du: str) -> dict[str, str]:
    stem, link = _stem(infinitive)
    first = infinitive[:-3] + "le" if infinitive.endswith("eln") else stem + "e"
    regular_du = stem + ("t" if stem.endswith(("s", "ß", "z")) else link + "st")
    return {
        "1s": er if infinitive == "wissen" else first,
        "2s": regular_du if du == "=" else du,
        "3s": stem + link + "t" if er == "=" else er,
        "1p": infinitive,
        "3p": infinitive,
    }


def _participle(infinitive: str, given: str) -> str:
    if given != "=":
        return given
    stem, link = _stem(infinitive)
    bare = infinitive.startswith(_INSEPARABLE) or infinitive.endswith("ieren")
    return ("" if bare else "ge") + stem + link + "t"
