"""BLEU against a value worked out by hand, with its signature; empty hypotheses score 0."""

import math

import pytest

from mgcm_fairseq.evaluation.quality import bleu


def test_value_by_hand():
    # Precisions 5/6, 3/5, 2/4, 1/3; 6 words for 7: brevity penalty exp(1 - 7/6).
    score = bleu(["the cat sat on a mat"], ["the cat sat on the big mat"])
    expected = 100 * math.exp(1 - 7 / 6) * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25
    assert score.value == pytest.approx(expected)


def test_bounds_and_signature():
    references = ["Das ist ein Haus.", "Wo wohnst du denn jetzt?"]
    perfect, none = bleu(references, references), bleu(["", ""], references)
    assert perfect.value == pytest.approx(100)
    assert none.value == 0
    assert "tok:13a" in perfect.signature
    assert perfect.signature == none.signature


def test_punctuation_is_split_off():
    assert bleu(["a b c d ."], ["a b c d."]).value == pytest.approx(100)


@pytest.mark.parametrize(("hypotheses", "references"), [(["a"], ["a", "b"]), ([], [])])
def test_unequal_or_empty_lists_are_refused(hypotheses, references):
    with pytest.raises(ValueError, match="as many hypotheses as references"):
        bleu(hypotheses, references)
