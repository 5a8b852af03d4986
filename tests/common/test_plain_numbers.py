"""Numbers of users: plain digits alone, and what every reader of them refuses."""

import argparse
import math
from pathlib import Path

import pytest

from mgcm_fairseq.common.arguments import number, positive
from mgcm_fairseq.common.plain_numbers import plain_number, plain_whole
from mgcm_fairseq.preparation.corpora.entries import EntryError, seconds

NONE = ["1_96", "\u0663", "\uff11.5", "", ".", "1,5", "nan", "inf", "0x1", "1e", "--1", "1 2"]
WHERE = (Path("a.tsv"), 1)


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_plain_number_is_refused_everywhere(text):
    assert math.isnan(plain_number(text))
    assert plain_whole(text) is None
    with pytest.raises(EntryError, match=r"a\.tsv:1: expected offset as a number of seconds"):
        seconds(text, "offset", WHERE)
    for parse in (positive, number(0, 1000, "a number")):
        with pytest.raises(argparse.ArgumentTypeError):
            parse(text)


@pytest.mark.parametrize(("text", "value"), [("1.96", 1.96), ("5", 5), (".5", 0.5), ("5.", 5), ("1e-3", 1e-3),
                                             ("+2.5E+1", 25), (" 3.0 ", 3)])
def test_plain_numbers_are_taken(text, value):
    assert seconds(text, "offset", WHERE) == plain_number(text) == value


def test_more_digits_than_64_bits_hold_are_no_whole_number():
    assert plain_whole("9" * 18) == 10 ** 18 - 1
    assert plain_whole("9" * 19) is None
