"""BLEU against a value worked out by hand, with its signature; empty hypotheses score 0."""

import math
import sys
from importlib.util import find_spec

import pytest
from omnisteval import Instance as Sentence

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.evaluation.quality import COMET_MODEL, bleu, comet_models
from mgcm_fairseq.evaluation.results import quality


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


COMET = """
def download_model(name):
    return name


class load_from_checkpoint:
    def __init__(self, name):
        self.score = len(name) / 100

    def predict(self, data, **_):
        assert data == [{"src": "one", "mt": "a", "ref": "b"}]
        self.system_score = self.score
        return self
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package with the names of unbabel-comet's."""
    (tmp_path / "comet.py").write_text(COMET)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("comet", None)


@pytest.mark.usefixtures("installed")
def test_models_of_comet_by_name():
    assert comet_models(None) == {"COMET": COMET_MODEL}
    models = comet_models([COMET_MODEL, "Unbabel/XCOMET-XL"])
    found = quality([Sentence("a", "b")], ["one"], "13a", models)
    assert (found["COMET"], found["COMET_model"]) == (0.22, COMET_MODEL)
    assert (found["XCOMET-XL"], found["XCOMET-XL_model"]) == (0.17, "Unbabel/XCOMET-XL")
    for models in (["BLEU"], ["a/xcomet", "b/xcomet"]):
        with pytest.raises(InputError, match="--comet: expected models such as"):
            comet_models(models)


@pytest.mark.skipif(find_spec("comet") is not None, reason="unbabel-comet is installed")
def test_comet_that_is_asked_for_and_not_there_is_an_error():
    assert comet_models(None) == {}
    with pytest.raises(InputError, match="--comet: expected unbabel-comet, found not installed"):
        comet_models(["Unbabel/XCOMET-XL"])
