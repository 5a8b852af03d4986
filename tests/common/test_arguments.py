"""Command-line arguments: what fits is parsed, anything else is an error that says what was expected and found."""

import argparse

import pytest

from mgcm_fairseq.common.arguments import Parser, device, number, numbers, positive, some_of

RATE = number(0, 0.9, "a probability from 0 to 0.9")


@pytest.mark.parametrize(("parse", "text", "value"), [
    (positive, "1", 1), (positive, "320", 320), (RATE, "0", 0.0), (RATE, "9e-1", 0.9),
    (device, "cpu", "cpu"), (device, "cuda", "cuda"), (device, "cuda:1", "cuda:1"),
    (numbers(0.1, 60, "seconds from 0.1 to 60"), "2,0.5", [2.0, 0.5]), (some_of(["a", "b"]), "b,a", ["b", "a"])])
def test_what_fits(parse, text, value):
    assert parse(text) == value


@pytest.mark.parametrize(("parse", "text", "message"), [
    (positive, "0", "expected a whole number from 1 on, found '0'"),
    (positive, "-3", "expected a whole number from 1 on, found '-3'"),
    (positive, "1.5", "expected a whole number from 1 on, found '1.5'"),
    (positive, "\u00b2", "expected a whole number from 1 on, found '\u00b2'"),  # a digit that int() refuses
    *((device, text, f"expected cpu, cuda, or one GPU such as cuda:1, found {text!r}")
      for text in ("gpu", "cuda:", "cuda:-1", "cuda:x", "cuda:01", "cpu:0", "")),
    (RATE, "1", "expected a probability from 0 to 0.9, found '1'"),
    (RATE, "nan", "expected a probability from 0 to 0.9, found 'nan'"),
    (RATE, "much", "expected a probability from 0 to 0.9, found 'much'"),
    (numbers(0.1, 60, "seconds from 0.1 to 60"), "2,,3", "expected seconds from 0.1 to 60, found ''"),
    (some_of(["a", "b"]), "a,c", "expected some of a, b, found 'c'")])
def test_what_does_not(parse, text, message):
    with pytest.raises(argparse.ArgumentTypeError) as raised:
        parse(text)
    assert str(raised.value) == message


def help_of(**options):
    parser = Parser("scripts/a.sh", description="What it does.")
    parser.add_argument("--option", help="what it is", **options)
    return " ".join(parser.format_help().split("\n\n", 1)[1].split())


@pytest.mark.parametrize(("options", "shown"), [
    ({"default": 8}, "what it is (default: 8)"), ({"default": 0}, "what it is (default: 0)"),
    ({"default": 13.0}, "what it is (default: 13)"), ({"default": [1, 8]}, "what it is (default: 1,8)"),
    ({"default": ["a", "b"], "nargs": "+"}, "what it is (default: a b)"),
    ({"default": "50%"}, "what it is (default: 50%)"), ({"default": ""}, "what it is"), ({}, "what it is"),
    ({"action": "store_true"}, "what it is")])
def test_a_default_is_shown_where_there_is_one(options, shown):
    assert help_of(**options).endswith(shown)


def test_paragraphs_of_a_description_stay_paragraphs():
    parser = Parser("scripts/a.sh", description="One\nparagraph.\n\nAnother.", epilog="rows:\n  a   b\n  c   d")
    assert "One paragraph.\n\nAnother.\n" in parser.format_help()
    assert "rows:\n  a   b\n  c   d\n" in parser.format_help()
