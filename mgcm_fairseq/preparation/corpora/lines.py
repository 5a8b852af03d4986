"""Text files read line by line: one alone, or several whose lines belong together."""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from mgcm_fairseq.common.errors import InputError

COMPLETE = ("Complete the corpus (a published one: unpack it again), or pass the right --root or --manifest, --lang "
            "and --splits.")
T = TypeVar("T")


def present(path: Path) -> Path:
    """`path`; InputError if there is no such file."""
    if not path.is_file():
        raise InputError(path, "a text file of the split", "no such file", COMPLETE)
    return path


def read_lines(path: Path) -> Iterator[bytes]:
    """Lines without their line break, undecoded, so that one broken line need not spoil the file."""
    with present(path).open("rb") as file:
        for number, line in enumerate(file):
            yield (line if number else line.removeprefix(codecs.BOM_UTF8)).removesuffix(b"\n")


def with_texts(items: Iterable[T], listing: Path, texts: Sequence[Path]) -> Iterator[tuple[int, T, list[bytes]]]:
    """Each item of `listing` with its number from 1 on and the line of this number of each text.

    Raises InputError, at the end, if a text has another number of lines, or if there are no items.
    """
    readers = [read_lines(path) for path in texts]
    counts, total = [0] * len(texts), 0
    for total, item in enumerate(items, start=1):
        found = [next(reader, None) for reader in readers]
        counts = [count + (line is not None) for count, line in zip(counts, found, strict=True)]
        lines = [line for line in found if line is not None]
        if len(lines) == len(texts):
            yield total, item, lines
    for path, reader, count in zip(texts, readers, counts, strict=True):
        lines_in_all = count + sum(1 for _ in reader)
        if total and lines_in_all != total:
            raise InputError((path, min(lines_in_all, total) + 1), f"{total} lines, one an utterance of {listing}",
                             f"{lines_in_all} lines",
                             "Make them agree (a published corpus: unpack it again): the texts would belong to other "
                             "audio.")
    if not total:
        raise InputError(listing, "at least one utterance", "none", COMPLETE)
