"""Short sentences of few words from the grammar: what is kept, and that too few are refused."""

from itertools import islice

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.spoken import text
from mgcm_fairseq.spoken.grammar import sentences
from mgcm_fairseq.spoken.text import SimpleText, Sizes, grammar_splits, source_words

FEW = SimpleText(longest=5, words=200)


def test_sentences_are_short_of_few_words_and_different() -> None:
    splits = grammar_splits(Sizes(train=200, dev=10, test=10), 1, FEW)
    sources = [source for pairs in splits.values() for source, _ in pairs]
    assert len(set(sources)) == 220
    assert max(len(source.split()) for source in sources) == 5
    used = {word for source in sources for word in source_words(source)}
    assert 100 < len(used) <= 200
    assert splits == grammar_splits(Sizes(train=200, dev=10, test=10), 1, FEW)
    other = grammar_splits(Sizes(train=200, dev=10, test=10), 2, FEW)
    assert other != splits
    assert len(used | {word for source, _ in other["train"] for word in source_words(source)}) <= 200


def test_without_a_wish_every_sentence_of_the_grammar_is_kept() -> None:
    drawn = list(islice(sentences("1/dev"), 20))
    assert len(dict(drawn)) == 20
    assert grammar_splits(Sizes(5, 20, 2), 1)["dev"] == drawn


def test_more_sentences_than_there_are_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MOST_IN_VAIN", 100)
    with pytest.raises(InputError, match="as many different sentences as asked for"):
        grammar_splits(Sizes(train=5000, dev=1, test=1), 1, SimpleText(5, 100))


def test_hyphenated_words_are_taken_apart() -> None:
    assert source_words("Twenty-one don't know, \"Anna\"!") == ["twenty", "one", "don't", "know", "anna"]
