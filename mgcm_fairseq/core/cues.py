"""Subtitles of a translation that is still being written: which words stand together on the screen, and how long."""

from collections.abc import Sequence
from dataclasses import dataclass

LINES = 2  # of a cue, at most
LONGEST = 6.0  # seconds from the first word of a cue to the last
PAUSE = 2.0  # seconds without a word, after which what follows is another cue
SHORTEST = 1.0  # seconds that a cue is shown
LATE = 2.0  # seconds that a cue may be behind its words before viewers have to read faster
FASTER = 1.5
_END = tuple(".?!…。？！")  # of a sentence
_BEHIND = "\"'”“»«)]’‘」』）"  # what may follow it


@dataclass(frozen=True)
class Screen:
    """What viewers read with ease."""

    width: int  # characters in a line
    per_second: float  # characters
    separator: str  # between two units


SPACED = Screen(42, 17.0, " ")
UNSPACED = Screen(16, 9.0, "")  # of characters that are twice as wide, and say more


@dataclass(frozen=True)
class Cue:
    """One or two lines, and from when to when they are shown, in s."""

    start: float
    end: float
    lines: tuple[str, ...]


class Cues:
    """Cues of one recording. Each is final when it is given away.

    A cue begins when its first word was written, or when the one before it has been read. It ends with a sentence,
    where no more fits, LONGEST after it began and before a pause. It is shown until its last word was written and it
    can be read.
    """

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self._units: list[str] = []  # of the cue that goes on
        self._first = self._last = 0.0  # when the first and the last of them were written
        self._shown = 0.0  # until when the cue before is

    def add(self, units: Sequence[str], time: float) -> list[Cue]:
        """The cues that are final once `units`, which may be none, were written at `time`."""
        final = []
        if self._units and (time - self._last > PAUSE or time - self._first > LONGEST):
            final.append(self._close())
        for unit in units:
            if self._units and len(_lines([*self._units, unit], self.screen)) > LINES:
                final.append(self._close())
            if not self._units:
                self._first = time
            self._units.append(unit)
            self._last = time
            if unit.rstrip(_BEHIND).endswith(_END):
                final.append(self._close())
        return final

    def finish(self) -> Cue | None:
        """The cue that goes on, if there is one: nothing follows."""
        return self._close() if self._units else None

    def _close(self) -> Cue:
        start = max(self._first, self._shown)
        speed = self.screen.per_second * (FASTER if start - self._first > LATE else 1)
        length = len(self.screen.separator.join(self._units))
        self._shown = max(start + max(SHORTEST, length / speed), self._last)
        lines, self._units = _balanced(self._units, self.screen), []
        return Cue(start, self._shown, lines)


def _lines(units: Sequence[str], screen: Screen) -> list[str]:
    """As few lines as possible; one unit alone may be longer than a line."""
    lines = [units[0]]
    for unit in units[1:]:
        longer = lines[-1] + screen.separator + unit
        if len(longer) <= screen.width:
            lines[-1] = longer
        else:
            lines.append(unit)
    return lines


def _balanced(units: Sequence[str], screen: Screen) -> tuple[str, ...]:
    """The same number of lines, as even as possible."""
    lines = _lines(units, screen)
    if len(lines) == 1:
        return (lines[0].strip(),)
    halves = [tuple(screen.separator.join(part).strip() for part in (units[:cut], units[cut:]))
              for cut in range(1, len(units))]
    return min(halves, key=lambda pair: max(map(len, pair)))
