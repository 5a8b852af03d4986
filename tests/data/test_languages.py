"""How languages are written, and of which kind their pieces are."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.kinds import CLOSED, OPEN
from mgcm_fairseq.core.units import closed_behind, unit_starts
from mgcm_fairseq.data.languages import Language, language
from mgcm_fairseq.data.piece_kinds import spaced_kind, unspaced_kind

HAN = "我们有五个名字人年飞到了"
UNIT = re.compile(f"[{HAN}]|[A-Za-z0-9]+(?:['.,-]+[A-Za-z0-9]+)*")  # narrow marks inside do not end a word
texts = st.lists(st.sampled_from([*HAN, *"aBc019", *"'.,-", *"，。！《》", " "]), max_size=15).map("".join)


@pytest.mark.parametrize(("code", "expected"), [
    ("de", Language(True, "13a")), ("en", Language(True, "13a")), ("ko", Language(True, "13a")),
    ("zh", Language(False, "zh")), ("zh-CN", Language(False, "zh")), ("zh_TW", Language(False, "zh")),
    ("ja", Language(False, "char")),
])
def test_how_a_language_is_written(code, expected):
    assert language(code) == expected
    assert language(code).unit == ("word" if expected.spaced else "char")


def test_languages_that_cannot_be_counted_are_refused():
    with pytest.raises(InputError, match="found 'th'"):
        language("th")


def unspaced_starts(pieces):
    return unit_starts(torch.tensor([[unspaced_kind(piece) for piece in pieces]]))[0].tolist()


@pytest.mark.parametrize("marked", [
    "*▁我们 *2019 *年 *飞 *到 *了 *N e w *▁York 。", "▁ *我 *有 *25 ° C 。", "*▁3 . 5 *元 ， *1 0 , 0 0 0 *人",
    "▁“ *AI ” *和 *D NA",
    "*他 *说 ： “ *S teve *▁Jobs ？", "*GPT -4 。 *V R", "*ア *ニ *メ *を", "▁ ( *see *▁it )", "*３ Ｄ *打印",
    "*々 *〇",
])
def test_units_of_hand_marked_pieces(marked):
    """A * before each piece that begins a unit."""
    pieces = [piece.removeprefix("*") for piece in marked.split()]
    assert unspaced_starts(pieces) == [piece.startswith("*") for piece in marked.split()]


@given(texts)
def test_characters_as_pieces_make_the_units_that_are_in_the_text(text):
    """SentencePiece writes spaces as ▁ in front of what follows, one at the beginning too."""
    joined = " ".join(text.split())
    pieces = re.findall("▁?[^▁]|▁", ("▁" + joined).replace(" ", "▁"))
    assert sum(unspaced_starts(pieces)) == len(UNIT.findall(joined))


@given(texts.map(str.strip).filter(bool))
def test_a_text_is_closed_unless_it_ends_in_letters_or_in_narrow_marks_behind_them(text):
    pieces = ["▁", *text.replace(" ", "▁")]
    closed = closed_behind(torch.tensor([[unspaced_kind(piece) for piece in pieces]]))[0, -1]
    assert bool(closed) == (not re.search(r"[A-Za-z0-9]['.,-]*$", text))


@pytest.mark.parametrize(("piece", "begins"), [
    ("▁Haus", True), ("▁", True), ("▁„", True), ("haus", False), (".", False), ("我", False),
])
def test_german_words_begin_behind_spaces(piece, begins):
    assert spaced_kind(piece) == int(begins)


def test_kinds_tell_open_from_closed():
    assert unspaced_kind("AI") & OPEN
    assert unspaced_kind("我们") & CLOSED
    assert not unspaced_kind(".") & (OPEN | CLOSED)
