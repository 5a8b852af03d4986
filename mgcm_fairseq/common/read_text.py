"""Text and JSON from files that may be broken in any way: what is no text or no JSON is told by one kind of error."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.whole import write_whole


def text_lines(path: Path, remedy: str) -> Iterator[tuple[int, str]]:
    """Number, from 1 on, and text of each line of a file without its line feed; InputError where it is not utf-8.

    Nothing but a line feed ends a line: SimulEval's texts, and JSON, may hold any other character.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield number, line.removesuffix(b"\n").decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputError((path, number), "text in utf-8", f"byte 0x{line[error.start]:02x}", remedy) from error


def drop_torn_line(path: Path) -> None:
    """Takes a last line without a line feed, which a kill cut off, from the file, so that the next can be added."""
    data = path.read_bytes()
    whole = data[:data.rfind(b"\n") + 1]
    if whole != data:
        write_whole(path, whole)


def json_lines(path: Path, remedy: str) -> Iterator[tuple[int, Any]]:
    """Number and value of each line of a file that grows line by line; a torn last one is taken from the file."""
    drop_torn_line(path)
    for number, line in text_lines(path, remedy):
        try:
            yield number, parse_json(line)
        except ValueError as error:
            raise InputError((path, number), "JSON", repr(line[:80]), remedy) from error


def read_text(path: Path, remedy: str) -> str:
    """All of a file, with every end of a line as a line feed; InputError where it is not utf-8."""
    return decode_text(path.read_bytes(), path, remedy)


def decode_text(data: bytes, path: Path, remedy: str) -> str:
    """The same of what is in the file at `path`."""
    try:
        return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError((path, line), "text in utf-8", f"byte 0x{data[error.start]:02x}", remedy) from error


def parse_json(text: str) -> Any:
    """As json.loads, but ValueError, and nothing else, for whatever it cannot read: brackets in brackets, too."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("brackets within brackets, more than can be read") from error


def read_json(path: Path) -> Any:
    """What is in a JSON file; ValueError, and nothing else, if that is no JSON or no text. Raises OSError."""
    return parse_json(path.read_bytes().decode("utf-8"))


def is_number(value: Any, least: float | None = None) -> bool:
    """Whether a value from JSON is a finite number, not less than `least`, that arithmetic can take."""
    return (isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
            and (least is None or value >= least))
