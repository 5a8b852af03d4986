"""Made-up languages: as many words in common as they say, sounds of the same kind, the same in every process."""

import re
import subprocess
import sys
from itertools import combinations

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.spoken.dialect_corpus import dialect_splits
from mgcm_fairseq.spoken.dialects import Dialect, dialects, respelt
from mgcm_fairseq.spoken.text import Sizes, grammar_splits
from tests.fixtures import REPOSITORY

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
PAIRS = [pair for pairs in grammar_splits(Sizes(3000, 10, 10), 1).values() for pair in pairs]
TYPES = {language: sorted({word.lower() for pair in PAIRS for word in WORD.findall(pair[number])})
         for number, language in enumerate(("en", "de"))}
KINDS = {sound: str(kind) for kind, sounds in enumerate(("aeiou", "ptkbdg", "fvszŝĵĉĝ", "mnlr", "hjŭ"))
         for sound in sounds}


def forms(dialect: Dialect) -> list[str]:
    """Of every word of the grammar."""
    return [dialect.word(word) for word in TYPES[dialect.rewrites]]


def kinds(word: str) -> str:
    return "".join(KINDS[sound] for sound in word)


@pytest.mark.parametrize("relatedness", [0.0, 0.5, 0.7, 0.9, 1.0])
def test_dialects_of_a_family_have_as_many_words_in_common_as_they_say(relatedness: float) -> None:
    """Of each, and of three at once: it is the same words that all have as the family has them."""
    for seed in (1, 2, 3):
        for family in (1, 2):
            spoken = [forms(one) for one in dialects(2, 3, relatedness, seed) if one.family == family]
            for some in (*combinations(spoken, 2), spoken):
                same = sum(len(set(words)) == 1 for words in zip(*some, strict=True))
                assert same / len(spoken[0]) == pytest.approx(relatedness, abs=0.05 if 0 < relatedness < 1 else 0)


def test_families_have_next_to_no_word_in_common() -> None:
    """A few short ones by chance; 29 of the grammar's words are the same in English and German."""
    for seed in (1, 2, 3):
        spoken = dialects(4, 2, 0.9, seed)
        for left, right in combinations(spoken, 2):
            if left.family != right.family:
                assert len(set(forms(left)) & set(forms(right))) < 0.02 * len(TYPES["en"])


def test_words_that_differ_stay_different() -> None:
    """But for a few short ones by chance, as languages have homonyms."""
    for language, words in TYPES.items():
        assert len({respelt(word) for word in words}) == len(words), language
    for one in dialects(4, 4, 0.7, 1):
        assert len(set(forms(one))) >= len(forms(one)) - 2


def test_sounds_are_exchanged_for_sounds_of_their_kind() -> None:
    for one in dialects(2, 2, 0.5, 1):
        for word in TYPES[one.rewrites]:
            assert kinds(one.word(word)) == kinds(respelt(word))


def test_more_related_languages_share_the_words_that_less_related_ones_share() -> None:
    found = {}
    for relatedness in (0.5, 0.9):
        left, right = (forms(one) for one in dialects(1, 2, relatedness, 1))
        found[relatedness] = {one for one, other in zip(left, right, strict=True) if one == other}
    assert found[0.5] < found[0.9]


@pytest.mark.parametrize(("word", "spelling"), [
    ("teacher", "teaĉer"), ("night", "niĝt"), ("the", "ĵe"), ("year", "jear"), ("my", "mi"), ("queen", "kŭeen"),
    ("box", "boks"), ("o'clock", "oklok"), ("schlüssel", "ŝluessel"), ("straße", "strasse"), ("wäscht", "ŭaeŝt")])
def test_spelling_is_that_of_esperanto(word: str, spelling: str) -> None:
    assert respelt(word) == spelling


def test_sentences_keep_order_marks_and_translation() -> None:
    pair = ("On Monday, Anna turned twenty-two lamps on.", "Am Montag hat Anna zweiundzwanzig Lampen angemacht.")
    english, german = dialects(2, 1, 0.9, 1)
    said, translation = english.pair(pair)
    words = [english.word(word) for word in ("on", "monday", "anna", "turned", "twenty", "two", "lamps", "on")]
    assert said == "{} {}, {} {} {}-{} {} {}.".format(words[0].capitalize(), *words[1:])
    assert translation == pair[1]
    words = [german.word(word) for word in ("am", "montag", "hat", "anna", "zweiundzwanzig", "lampen", "angemacht")]
    assert german.pair(pair) == ("{} {} {} {} {} {} {}.".format(words[0].capitalize(), *words[1:]), pair[1])


def test_languages_say_the_same_in_dev_and_test_and_not_in_train() -> None:
    spoken = dialects(2, 2, 0.9, 1)
    sizes = Sizes(train=50, dev=10, test=10)
    found = dialect_splits(spoken, sizes, 1)
    drawn = grammar_splits(sizes, 1)
    for dialect, splits in zip(spoken, found, strict=True):
        assert [len(pairs) for pairs in splits.values()] == [10, 10, 50]
        for split in ("dev", "tst-COMMON"):
            assert splits[split] == [dialect.pair(pair) for pair in drawn[split]]
    assert found[0]["train"] == [spoken[0].pair(pair) for pair in drawn["train"]]
    for left, right in combinations(found, 2):
        assert len({target for _, target in left["train"]} & {target for _, target in right["train"]}) < 5


def test_languages_of_relatedness_one_are_one_language() -> None:
    first, *others = (forms(one) for one in dialects(1, 4, 1.0, 1))
    assert all(other == first for other in others)


def test_every_process_makes_the_same_words() -> None:
    """Python's own hash of a text is another one in each."""
    code = ("from mgcm_fairseq.spoken.dialects import dialects\n"
            "print([one.word(word) for one in dialects(4, 4, 0.5, 7) for word in ('teacher', 'house', 'in')])")
    found = {subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True,
                            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "utf-8"}
                            ).stdout for seed in ("1", "2")}
    assert found == {f"{[one.word(word) for one in dialects(4, 4, 0.5, 7) for word in ('teacher', 'house', 'in')]}\n"}


def test_codes_are_of_local_use() -> None:
    assert [one.code for one in dialects(4, 4, 0.9, 1)] == [f"qa{letter}" for letter in "abcdefghijklmnop"]


@pytest.mark.parametrize(("families", "each", "relatedness", "message"), [
    (1, 1, 0.9, "two languages at least, found 1x1"), (0, 2, 0.9, "found 0x2"), (5, 1, 0.9, "found 5x1"),
    (1, 5, 0.9, "found 1x5. With five vowels"), (2, 2, 1.1, "0 to 1, found 1.1"), (2, 2, -0.1, "found -0.1"),
    (2, 2, float("nan"), "found nan")])
def test_other_numbers_are_refused(families: int, each: int, relatedness: float, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        dialects(families, each, relatedness, 1)
