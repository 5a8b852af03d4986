"""What plots of quality and latency share: their look, and files that are whole, and the same for the same figures."""

from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mgcm_fairseq.common.whole import whole

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")  # Okabe and Ito: told apart by the colour-blind
DASHES = ((6, 3), (2, 2), (8, 2, 2, 2))
INK, FAINT, GRID = "#333333", "#777777", "#E6E6E6"
FORMATS: dict[str, dict[str, Any]] = {"png": {}, "svg": {"metadata": {"Date": None}}}


def dress(axes: Axes, title: str, below: str, latency: str) -> None:
    """Titles, labels and grid of BLEU over `latency`."""
    axes.set_title(title, loc="left", color=INK, fontsize=12.5, fontweight="bold",
                   pad=10 + 14 * len(below.splitlines()))
    axes.text(0, 1.02, below, transform=axes.transAxes, va="bottom", color=FAINT, fontsize=9)
    axes.set_xlabel(latency, color=INK)
    axes.set_ylabel("BLEU (sacreBLEU, 0–100)", color=INK)
    axes.margins(x=0.08, y=0.12)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, length=3)


def dress_panel(axes: Axes, title: str, below: str, left: str) -> None:
    """Title, labels and grid of one panel among several."""
    axes.set_title(title, loc="left", color=INK, fontsize=10)
    axes.set_xlabel(below, color=INK)
    axes.set_ylabel(left, color=INK)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, length=3)


def save(figure: Figure, folder: Path, name: str) -> None:
    """Writes folder/NAME.png and NAME.svg."""
    with rc_context({"svg.hashsalt": "mgcm-fairseq"}):
        for suffix, options in FORMATS.items():
            with whole(folder / f"{name}.{suffix}") as partial:
                figure.savefig(partial, format=suffix, **options)
