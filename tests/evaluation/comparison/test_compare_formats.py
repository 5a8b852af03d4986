"""How numbers are written."""

import pytest

from mgcm_fairseq.evaluation.comparison.formats import header, number, with_spread
from mgcm_fairseq.evaluation.table import ABSENT


@pytest.mark.parametrize(("metric", "value", "sign", "text"), [
    ("BLEU", 23.456, "", "23.46"), ("BLEU", -0.001, "+", "+0.00"), ("AL", 1234.5678, "+", "+1235"),
    ("AP", 0.777, "", "0.78"),
    ("YAAL_CA", -0.4, "", "0"), ("AL", None, "+", ABSENT)])
def test_number(metric, value, sign, text):
    assert number(metric, value, sign) == text


def test_spread_only_where_there_is_one():
    assert with_spread("AL", {"mean": 1000.0, "std": 12.3, "n": 2}, 2) == "1000 ± 12"
    assert with_spread("AL", {"mean": 1000.0, "std": None, "n": 1}, 1) == "1000"
    assert with_spread("AL", {"mean": None, "std": None, "n": 0}, 1) == with_spread("AL", None, 1) == ABSENT


def test_fewer_seeds_than_those_of_the_row_are_told():
    assert with_spread("AL", {"mean": 1000.0, "std": None, "n": 1}, 3) == "1000 (1 of 3)"


def test_units():
    assert [header(metric) for metric in ("BLEU", "AP_CA", "LAAL_CA")] == ["BLEU", "AP_CA", "LAAL_CA (ms)"]
