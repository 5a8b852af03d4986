"""Lists of wavs, as evaluation and agents read them."""

import pytest

from mgcm_fairseq.agents.base import _first_faulty
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.simuleval_lists import read_list


def test_a_list_that_is_not_utf_8_is_refused_with_its_line(tmp_path):
    path = tmp_path / "dev.source"
    path.write_bytes(b"a.wav\nb\xfc.wav\n")
    for read in (read_list, lambda listed: _first_faulty(str(listed))):
        with pytest.raises(InputError, match=r"dev\.source:2: expected text in utf-8, found byte 0xfc"):
            read(path)


def test_names_hold_what_ends_no_line(tmp_path):
    path = tmp_path / "dev.source"
    path.write_text("a b.wav\nc\u2028d.wav\n", encoding="utf-8")
    assert read_list(path) == ["a b.wav", "c\u2028d.wav"]
