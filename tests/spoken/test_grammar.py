"""The drawn text: enough words, none rare, none that sound alike, one translation each, splits apart."""

import ctypes
import re
from collections import Counter
from functools import cache
from itertools import islice

import espeakng_loader
import pytest

from mgcm_fairseq.spoken import grammar
from mgcm_fairseq.spoken.corpus import word_types
from mgcm_fairseq.spoken.draw import Draw
from mgcm_fairseq.spoken.lexicon import times
from mgcm_fairseq.spoken.text import Sizes, Splits, grammar_splits


@cache
def splits() -> Splits:
    return grammar_splits(Sizes(train=20_000, dev=200, test=200), seed=1)


def words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())


def test_train_uses_at_least_600_word_types_none_of_them_rare() -> None:
    counts = Counter(word for english, _ in splits()["train"] for word in words(english))
    assert len(word_types(splits())) == len(counts) >= 600
    assert min(counts.values()) >= 15


def test_held_out_text_has_only_words_of_train() -> None:
    for split in ("dev", "tst-COMMON"):
        assert {word for english, _ in splits()[split] for word in words(english)} <= word_types(splits())


def test_sentences_have_3_to_20_words_and_a_mean_of_7_to_8() -> None:
    lengths = [len(english.split()) for english, _ in splits()["train"]]
    assert (min(lengths), max(lengths)) == (3, 20)
    assert 7 <= sum(lengths) / len(lengths) <= 8


def test_splits_share_no_sentence_and_repeat_none() -> None:
    english = [source for pairs in splits().values() for source, _ in pairs]
    assert len(english) == len(set(english)) == 20_400


def test_a_sentence_has_one_translation() -> None:
    translations: dict[str, set[str]] = {}
    for english, german in islice(grammar.sentences("any"), 50_000):
        translations.setdefault(english, set()).add(german)
    assert len(translations) < 50_000  # some are drawn twice: the test compares something
    assert all(len(found) == 1 for found in translations.values())


def test_text_has_only_letters_and_common_marks() -> None:
    for english, german in splits()["train"]:
        assert re.fullmatch(r"[A-Z][A-Za-z' ,-]*[.?]", english), english
        assert re.fullmatch(r"[A-ZÄÖÜ][A-Za-zÄÖÜäöüß ,]*[.?]", german), german
        assert english[-1] == german[-1]
        assert "  " not in english + german


def test_a_seed_gives_the_same_text_and_another_seed_another() -> None:
    small = Sizes(train=50, dev=10, test=10)
    assert grammar_splits(small, 1) == grammar_splits(small, 1) != grammar_splits(small, 2)


def test_held_out_text_does_not_depend_on_the_size_of_train() -> None:
    assert grammar_splits(Sizes(train=20, dev=200, test=200), 1)["tst-COMMON"] == splits()["tst-COMMON"]


def test_what_english_says_last_german_often_says_first() -> None:
    front = {time.english: time.german for time in times() if time.front}
    moved = 0
    for english, german in splits()["train"]:
        time = next((time for time in front if english.endswith(f" {time}.")), "")
        moved += bool(time) and german.lower().startswith(front[time].lower())
    assert moved > 1_500


SHAPES = {
    grammar.statement: r"[^,]*|.*sondern.*",
    grammar.contrast: r".*nicht (der|die|das|den|dem) \w+, sondern (der|die|das|den|dem) \w+.*",
    grammar.question_word: r"(wer|was|welch\w+|warum|wo|wann) .*",
    grammar.subordinate: r"(.*, )?(weil|obwohl|wenn|bevor|während) .*",
    grammar.coordinate: r".*(, aber| und) .*",
    grammar.reported: r".*, (dass|ob|warum) .*",
    grammar.subject_relative: r".*, (der|die|das) .*, .*|.*, (der|die|das) .*,",
    grammar.object_relative: r".*, (den|die|das) .*",
    grammar.comparison: r".* (ist|sind|war|waren|bin|bist|warst) \w+er als .*",
    grammar.price: r".* (kostet|kosten) \w+ Euro",
}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_shape(shape: "grammar.Shape") -> None:
    draw = Draw("shape")
    for _ in range(200):
        english, german, mark = shape(draw)
        assert re.fullmatch(SHAPES[shape], german), (english, german)
        assert mark == ("?" if shape is grammar.question_word else ".")


def test_no_two_words_sound_alike() -> None:
    espeak = ctypes.CDLL(espeakng_loader.get_library_path())
    espeak.espeak_Initialize(2, 0, espeakng_loader.get_data_path().encode(), 0)
    espeak.espeak_SetVoiceByName(b"en-us")
    espeak.espeak_TextToPhonemes.restype = ctypes.c_char_p

    def sound(word: str) -> str:
        text = ctypes.c_char_p(word.encode())
        phonemes: bytes = espeak.espeak_TextToPhonemes(ctypes.byref(text), 1, 2)
        return re.sub("[ˈˌ]", "", phonemes.decode())

    assert sound("two") == sound("too")  # the comparison can fail
    sounds = Counter(sound(word) for word in word_types(splits()))
    assert [phonemes for phonemes, count in sounds.items() if count > 1] == []
