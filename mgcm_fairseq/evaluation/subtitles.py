"""Subtitle files, SubRip and WebVTT, written cue by cue while the words come."""

import re
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol, Self

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.whole import room_in
from mgcm_fairseq.core.cues import SPACED, UNSPACED, Cue, Cues
from mgcm_fairseq.data.languages import Language

_CHARACTERS = re.compile(r"\s*(?:[!-~]+|\S)[。，、！？：；）」』]*")  # with marks behind them; words of ASCII are one


class Format(Protocol):
    """Of a file by its ending."""

    head: str

    def cue(self, number: int, cue: Cue) -> str:
        """With the empty line behind it; `number` counts from 1."""


class SubRip:
    """.srt"""

    head = ""

    def cue(self, number: int, cue: Cue) -> str:
        times = f"{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}"
        return "\n".join([str(number), times, *cue.lines, "", ""])


class WebVTT:
    """.vtt, whose text is marked up (https://www.w3.org/TR/webvtt1/)."""

    head = "WEBVTT\n\n"

    def cue(self, number: int, cue: Cue) -> str:
        lines = (line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for line in cue.lines)
        return "\n".join([f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}", *lines, "", ""])


FORMATS: dict[str, Format] = {".srt": SubRip(), ".vtt": WebVTT()}


class Subtitles:
    """A file of subtitles. Until all cues are there it has .tmp behind its name, with every cue that is final so far.

    After an error it also has the cue that was open.

    A file that was there before stays until then, and for good where nothing is added.
    """

    def __init__(self, path: Path) -> None:
        """InputError for an ending that is not one of FORMATS, and where no file can be written."""
        if path.suffix not in FORMATS:
            raise InputError("--subtitles", f"a file that ends with {' or '.join(FORMATS)}", str(path), "Rename it.")
        self.path = path
        self.partial = path.with_name(path.name + ".tmp")
        self._format = FORMATS[path.suffix]
        self._cues: Cues | None = None
        self._spaced = True
        self._count = 0
        self._heard = False  # anything, if no word
        try:
            self._ours = not self.partial.exists()  # else it is what an earlier run said
            if path.is_dir():
                raise IsADirectoryError("a folder of that name")
        except OSError as error:
            raise self._unwritable(error) from error
        self._file = self._open("a")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None and self._cues is not None:
            with suppress(OSError, InputError):  # of a full disk, which is told already
                self.finish()
        with room_in(self.path.parent, self.path):
            self._file.close()
        if kind is None and self._heard:
            self.partial.replace(self.path)
        elif self._count == 0 and self._ours:
            self.partial.unlink()

    def _open(self, mode: str) -> IO[str]:
        try:
            return self.partial.open(mode, encoding="utf-8", newline="\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(self.path, "a file that can be written", error.strerror or str(error), "Correct --subtitles.")

    def begin(self, language: Language) -> None:
        """Before the first words; drops what an earlier run said and did not finish."""
        self._ours = True
        self._file.close()
        self._file = self._open("w")
        self._write(self._format.head)
        self._spaced = language.spaced
        self._cues = Cues(SPACED if language.spaced else UNSPACED)

    def add(self, text: str, time: float) -> None:
        """Words, perhaps none, that were written at `time`."""
        self._heard = True
        units = text.split() if self._spaced else _CHARACTERS.findall(text)
        for cue in self._begun.add(units, time):
            self._write_cue(cue)

    def finish(self) -> None:
        """Nothing follows."""
        if cue := self._begun.finish():
            self._write_cue(cue)

    @property
    def _begun(self) -> Cues:
        if self._cues is None:
            raise ValueError("subtitles: expected a language before words, found none.")
        return self._cues

    def _write_cue(self, cue: Cue) -> None:
        self._count += 1
        self._write(self._format.cue(self._count, cue))

    def _write(self, text: str) -> None:
        with room_in(self.path.parent, self.path):
            self._file.write(text)
            self._file.flush()


def _clock(seconds: float, point: str) -> str:
    """HH:MM:SS.mmm, with `point` for the point."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{point}{rest % 1000:03d}"
