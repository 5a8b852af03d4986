"""Files that are no text or no JSON end in one kind of error, with file and line."""

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import decode_text, is_number, json_lines, parse_json, read_json, text_lines


def test_only_a_line_feed_ends_a_line(tmp_path):
    path = tmp_path / "a"
    path.write_bytes("a\u2028b\x85c\r\n\nlast".encode())
    assert list(text_lines(path, "")) == [(1, "a\u2028b\x85c\r"), (2, ""), (3, "last")]


def test_a_torn_last_line_of_json_is_taken_from_the_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes('{"a": "b\u2028c"}\n[1]\n'.encode() + b'{"a": "\xe2\x80')
    assert list(json_lines(path, "")) == [(1, {"a": "b\u2028c"}), (2, [1])]
    assert path.read_bytes().endswith(b"[1]\n")
    path.write_bytes(b"[1]\n[2\n")
    with pytest.raises(InputError, match=r"a:2: expected JSON, found '\[2'. Begin again."):
        list(json_lines(path, "Begin again."))
    path.write_bytes(b"[1")
    assert not list(json_lines(path, ""))


def test_what_is_no_text_is_named_by_line(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"good\nb\xffd\n")
    for read in (lambda: list(text_lines(path, "Mend it.")), lambda: decode_text(path.read_bytes(), path, "Mend it.")):
        with pytest.raises(InputError, match=r"a:2: expected text in utf-8, found byte 0xff\. Mend it"):
            read()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5_000, '{"a": 1', "", "nothing"])
def test_what_is_no_json_is_a_value_error(tmp_path, text):
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)
    (tmp_path / "a").write_bytes(b"\xff" + text.encode())
    with pytest.raises(ValueError, match="utf-8"):
        read_json(tmp_path / "a")


def test_numbers_are_finite_and_no_truth_values():
    assert all(is_number(value) for value in (0, -1.5, 1e308))
    none = (True, None, "1", [1], float("nan"), 10**400, float("inf"), float("-inf"))
    assert not any(is_number(value) for value in none)
    assert not is_number(-1, 0)
