"""What a reader makes of its corpus: entries in file order, audio not yet looked at, and their faults."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.plain_numbers import plain_number

LONGEST = 1e9  # seconds, 31 years: in samples still a whole number that databases and arrays hold
_REMEDY = "Repair the corpus, or leave such utterances out with --skip-bad."
LONGEST_NAME = 235  # bytes; files are called like talks and ids, and a number and endings have to fit into 255 too
Where = tuple[Path, int]  # file, and line from 1 on


@dataclass(frozen=True, slots=True)
class Entry:
    """One utterance as the corpus states it; texts are stripped, no more."""

    where: Where
    audio: Path
    offset: float  # seconds
    duration: float | None  # seconds; None: to the end of the audio
    speaker: str
    src_text: str
    tgt_text: str
    name: str | None = None  # the id, where the corpus has one; else the audio's name and the utterance's rank in it


class EntryError(InputError):
    """What is wrong with one utterance; `reason` is the kind of fault, the same for all faults of that kind."""

    def __init__(self, reason: str, where: Where, expected: str, found: str) -> None:
        super().__init__(where, expected, found, _REMEDY)
        self.reason = reason


@dataclass(frozen=True)
class CorpusReader(ABC):
    """A corpus in one pair of languages; a reader of a corpus adds where its utterances are."""

    root: Path  # of --root
    src_lang: str
    tgt_lang: str
    src_langs: tuple[str, ...] = field(default=(), kw_only=True)  # of all that are prepared together

    small_files: ClassVar[bool] = False  # a file an utterance: audio that has to be converted is packed
    root_of_language: ClassVar[bool] = False  # --root is the folder of one source language

    @property
    def pair(self) -> str:
        """The direction, as folders are called."""
        return f"{self.src_lang}-{self.tgt_lang}"

    @property
    def folder(self) -> Path:
        """Where the preparation writes unless --out says otherwise, or there are several source languages."""
        return self.root / self.pair

    @abstractmethod
    def splits(self) -> list[str]:
        """The splits that are prepared unless --splits says otherwise; InputError if the corpus is not there."""

    @abstractmethod
    def inputs(self, split: str) -> Iterable[Path]:
        """Every file that the split depends on; InputError if one that all utterances need is missing."""

    @abstractmethod
    def entries(self, split: str) -> Iterator[Entry | EntryError]:
        """Each utterance of the split, or what is wrong with it, in the order of the files, read as they are needed.

        Raises InputError for faults of a whole file: missing, broken, of another number of lines than its fellows.
        """


def attempt(make: Callable[..., Entry], *arguments: object) -> Entry | EntryError:
    """What `make` returns, or the EntryError that it raises."""
    try:
        return make(*arguments)
    except EntryError as fault:
        return fault


def seconds(text: str, key: str, where: Where) -> float:
    """`text` as a number of seconds; EntryError `bad KEY` if it is none, negative, or beyond all sound."""
    value = plain_number(text)
    if not 0 <= value <= LONGEST:
        raise EntryError(f"bad {key}", where, f"{key} as a number of seconds from 0 on, {LONGEST:.0e} at most",
                         repr(text))
    return value


def plain_name(text: str, key: str, where: Where) -> str:
    """`text` if it can be a file's name or a field of a manifest; else EntryError `bad KEY`."""
    if len(text.encode()) > LONGEST_NAME:
        raise EntryError(f"bad {key}", where, f"{key} of at most {LONGEST_NAME} bytes",
                         f"{len(text.encode())}, beginning with {text[:20]!r}")
    if any(mark in text for mark in "\t\n\r\0/") or text in ("", ".", ".."):
        raise EntryError(f"bad {key}", where, f"{key} as a plain name", repr(text))
    return text


def decode(line: bytes, where: Where) -> str:
    """The line as text; EntryError if it is not utf-8."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EntryError("not utf-8", where, "text in utf-8",
                         f"byte 0x{line[error.start]:02x} after {line[:error.start].decode()!r}") from error


def clean(line: str, where: Where) -> str:
    """A line of text, stripped; EntryError if it has a tab or a line break inside."""
    text = line.strip()
    if "\t" in text or "\r" in text or "\n" in text:
        raise EntryError("tab or line break in text", where, "text without tabs and line breaks", repr(text))
    return text
