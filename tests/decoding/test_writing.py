"""Pieces of German and Chinese as what agents write, on vocabularies made for it."""

from itertools import chain

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.languages import language
from mgcm_fairseq.data.vocabulary import Vocabulary, dictionary_lines, train
from mgcm_fairseq.decoding.writing import Writing
from tests.chinese import TRAINED, UNSEEN

ENGLISH, CHINESE = zip(*TRAINED, *UNSEEN, strict=True)
GERMAN = ("Das Haus, in dem wir wohnen, ist alt.", "Wo wohnst du denn?", "Häuser und Gärten.", "Er wohnt in dem Haus.")


def writing(code, texts, folder):
    config = CorpusConfig("en", code, 16_000, f"{code}.txt", f"{code}.model")
    model = train([*ENGLISH, *texts], 160, ("en", code))
    (folder / config.spm_filename).write_bytes(model)
    (folder / config.vocab_filename).write_text("\n".join(dictionary_lines(model)) + "\n", encoding="utf-8")
    vocabulary = Vocabulary.load(folder, config)
    return Writing(vocabulary, vocabulary.piece_kinds(config).target, language(code))


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    return writing("zh", CHINESE, tmp_path_factory.mktemp("zh"))


@pytest.fixture(scope="module")
def german(tmp_path_factory):
    return writing("de", GERMAN, tmp_path_factory.mktemp("de"))


def spelt(writing, text):
    """Ids of the pieces that are separated by spaces in `text`."""
    return [writing.vocabulary.pieces.index(piece) for piece in text.split()]


@given(data=st.data())
def test_parts_of_chinese_make_up_the_whole(chinese, data):
    ids = st.lists(st.integers(3, len(chinese.vocabulary) - 1), max_size=8)
    parts = data.draw(st.lists(ids, max_size=4))
    texts = [chinese.text(part, list(chain(*parts[:index]))) for index, part in enumerate(parts)]
    assert chinese.separator.join(texts) == chinese.vocabulary.decode(chain(*parts))


@pytest.mark.parametrize("text", CHINESE)
def test_chinese_is_written_as_it_was_read(chinese, text):
    pieces = chinese.vocabulary.encode(text)
    assert chinese.text(pieces) == text
    cut = len(pieces) // 2
    assert chinese.text(pieces[:cut]) + chinese.text(pieces[cut:], pieces[:cut]) == text


def test_german_words_are_joined_by_spaces(german):
    first, second = (german.vocabulary.encode(text) for text in ("Das Haus,", "in dem wir"))
    assert german.separator.join([german.text(first), german.text(second, first)]) == "Das Haus, in dem wir"


def test_german_is_whole_where_the_next_word_begins(german):
    pieces = german.vocabulary.encode("Das Haus")
    ends = [index for index in range(1, len(pieces)) if german.vocabulary.pieces[pieces[index]].startswith("▁")]
    assert german.whole(len(pieces), pieces, ended=False) == max(ends)
    assert german.whole(len(pieces), pieces, ended=True) == len(pieces)


def test_chinese_is_whole_behind_a_character_but_not_within_a_word(chinese):
    pieces = spelt(chinese, "▁ 有 2 5 年 A I")
    assert [chinese.whole(count, pieces, ended=False) for count in range(8)] == [0, 1, 2, 2, 4, 5, 5, 5]
    assert chinese.whole(7, pieces, ended=True) == 7
    assert chinese.whole(2, pieces[4:], ended=False, before=pieces[:4]) == 1


def test_a_chinese_word_of_letters_is_not_lengthened_but_what_follows_a_character_is_free(chinese):
    vocabulary = chinese.vocabulary
    behind_letters, behind_character = (chinese.lengthening(spelt(chinese, text)) for text in ("▁ A", "▁ A 有"))
    extending = {piece for piece, banned in zip(vocabulary.pieces, behind_letters.tolist(), strict=True) if banned}
    assert {"5", "I", "<s>", "<lang:zh>"} <= extending
    assert not {"▁", "，", "。", "有", "年", "</s>", "<unk>"} & extending
    assert not any(piece.startswith("▁") for piece in extending)
    assert [vocabulary.pieces[index] for index in behind_character.nonzero().flatten()] == [
        "<s>", "<pad>", "<lang:en>", "<lang:zh>"]


def test_what_german_must_not_lengthen_does_not_depend_on_what_it_follows(german):
    masks = [german.lengthening(german.vocabulary.encode(text)) for text in GERMAN]
    assert all(torch.equal(mask, masks[0]) for mask in masks)
    assert masks[0].any()
