"""One utterance of a segmenting model: waveform and words, boundaries, and the read/write staircase of its policy."""

import textwrap
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from mgcm_fairseq.common.whole import whole
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.languages import UNITS, Unit, units
from mgcm_fairseq.evaluation.figures import COLOURS, FAINT, INK

BLUE, ORANGE = COLOURS[:2]
SHADE = "#F1F4F8"
_COLUMNS = 2000  # at most, of the waveform; each reaches from its lowest to its highest sample
_LETTER = 0.085  # inches of width, at the size of the words
_WORD: dict[str, Any] = {"textcoords": "offset points", "va": "center", "color": BLUE, "fontsize": 9.5, "zorder": 4,
                         "path_effects": [withStroke(linewidth=3, foreground="white")]}
_TITLE: dict[str, Any] = {"loc": "left", "color": INK, "fontsize": 10}


class SegmentedUtterance(NamedTuple):
    """What is drawn; times in seconds from the start of the audio. T encoder frames."""

    title: str
    samples: np.ndarray  # (N,) at 16 kHz
    words: Sequence[tuple[float, str]]  # of the transcript, where each begins; may be none
    placed: str  # how these times are known
    frame: float  # seconds between two frames
    probabilities: Sequence[float]  # (T,) of a boundary behind each frame
    boundaries: Sequence[bool]  # (T,) decided
    reads: Sequence[tuple[float, int, str]]  # seconds heard, segments that have closed by then, words written then
    lag: int  # k of wait-segment
    unit: Unit = "word"  # of what was written

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def ends(self) -> list[float]:
        """Where segments end: behind each boundary frame."""
        return [(index + 1) * self.frame for index, boundary in enumerate(self.boundaries) if boundary]

    @property
    def written(self) -> list[tuple[float, str]]:
        """(seconds heard, word) of each word, or character, that was written."""
        return [(seconds, word) for seconds, _, text in self.reads for word in units(text, self.unit)]


def plot(utterance: SegmentedUtterance, path: Path) -> None:
    """Writes a PNG, whole or not at all."""
    with whole(path) as partial:
        draw(utterance).savefig(partial, format="png")


def draw(utterance: SegmentedUtterance) -> Figure:
    """Three panels over one time axis, in which every second segment is shaded."""
    width = min(max(7.2, 1.5 + 2.6 * utterance.seconds), 20)
    height = max(2.6, 0.24 * max(len(utterance.written), len(utterance.ends)))  # of the staircase, in inches
    figure = Figure(figsize=(width, 3.6 + height), dpi=160, layout="constrained")
    panels = list(figure.subplots(3, 1, sharex=True, height_ratios=[1.5, 1.0, height]))
    for axes in panels:
        _dress(axes, utterance)
    for axes in panels[:2]:
        for end in utterance.ends:
            axes.axvline(end, color=ORANGE, linewidth=1)
    _draw_speech(panels[0], utterance, width - 1)
    _draw_boundaries(panels[1], utterance)
    _draw_staircase(panels[2], utterance)
    title = textwrap.fill(utterance.title, int(8 * width))
    figure.suptitle(title, color=INK, fontsize=12.5, fontweight="bold", x=0.01, ha="left")
    return figure


def staircase(steps: Sequence[tuple[float, int]]) -> tuple[list[float], list[int]]:
    """The corners of a line from (0, 0) that rises at each time to the height given with it: (seconds, heights)."""
    seconds, heights = [0.0], [0]
    for time, height in steps:
        seconds += [time, time]
        heights += [heights[-1], height]
    return seconds, heights


def _draw_speech(axes: Axes, utterance: SegmentedUtterance, inches: float) -> None:
    size = -(-len(utterance.samples) // _COLUMNS)
    columns = np.pad(utterance.samples, (0, -len(utterance.samples) % size), mode="edge").reshape(-1, size)
    loudest = max(float(np.abs(utterance.samples).max()), 1e-6)
    times = np.arange(len(columns)) * size / SAMPLE_RATE
    axes.fill_between(times, columns.min(1) / loudest, columns.max(1) / loudest, color=FAINT, linewidth=0.4)
    free: list[float] = []  # for each line of words, the seconds from which it is free
    for time, word in utterance.words:
        line = next((index for index, end in enumerate(free) if end <= time), len(free))
        free[line:line + 1] = [time + (len(word) + 1) * _LETTER * utterance.seconds / inches]
        axes.plot([time, time], [-1, 1.3 + 0.5 * line], color=BLUE, linewidth=0.8)
        axes.annotate(word, (time, 1.3 + 0.5 * line), xytext=(3, 0), **_WORD)
    axes.set_ylim(-1.1, 1.2 + 0.5 * len(free))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_title(f"Speech, and its words {utterance.placed}" if utterance.words else "Speech", **_TITLE)


def _draw_boundaries(axes: Axes, utterance: SegmentedUtterance) -> None:
    edges = np.arange(len(utterance.probabilities) + 1) * utterance.frame
    axes.stairs(utterance.probabilities, edges, color=ORANGE, fill=True, alpha=0.3)
    axes.axhline(0.5, color=FAINT, linewidth=0.8, dashes=(4, 3))
    axes.set_ylim(0, 1.05)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("P(boundary)", color=INK)
    axes.set_title(f"Probability that a segment ends behind a frame of {1000 * utterance.frame:.0f} ms; lines: "
                   "decisions", **_TITLE)


def _draw_staircase(axes: Axes, utterance: SegmentedUtterance) -> None:
    heard = [(seconds, segments) for seconds, segments, _ in utterance.reads]
    for seconds, _ in heard:
        axes.axvline(seconds, color=FAINT, linewidth=0.6, dashes=(1, 3))
    axes.plot(*staircase(heard), color=ORANGE, linewidth=1.4, label="segments heard to their end")
    steps = [(seconds, count) for count, (seconds, _) in enumerate(utterance.written, start=1)]
    axes.plot(*staircase(steps), color=BLUE, linewidth=2.4, label=f"{UNITS[utterance.unit]} written")
    for index, (seconds, word) in enumerate(utterance.written):
        axes.annotate(word, (seconds, index + 0.5), xytext=(-5, 0), ha="right", **_WORD)
    axes.set_ylim(0, max(units for _, units in [*heard, *steps, (0.0, 1)]) + 0.5)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel(f"segments, {UNITS[utterance.unit]}", color=INK)
    axes.set_xlabel("audio (s)", color=INK)
    axes.set_title(f"Reads (dotted) and writes of wait-segment with k = {utterance.lag}", **_TITLE)
    axes.legend(loc="upper left", frameon=False, labelcolor=INK, fontsize=9)


def _dress(axes: Axes, utterance: SegmentedUtterance) -> None:
    last = max([utterance.seconds, *utterance.ends])
    for start, end in list(pairwise([0.0, *utterance.ends, last]))[1::2]:
        axes.axvspan(start, end, color=SHADE, linewidth=0)
    axes.set_xlim(0, 1.01 * last)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, length=3)
