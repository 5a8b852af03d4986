"""Quality against latency: a line for each policy, a dashed horizontal line for each offline decoding."""

from collections.abc import Mapping
from itertools import cycle, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")  # Okabe and Ito: told apart by the colour-blind
DASHES = ((6, 3), (2, 2), (8, 2, 2, 2))
INK, FAINT, GRID = "#333333", "#777777", "#E6E6E6"


def plot(results: Mapping[str, Any], path: Path) -> None:
    """Writes BLEU over AL (ms) as a PNG, whole or not at all. Runs without AL (no word at all) have no point."""
    figure = Figure(figsize=(7.2, 4.6), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    points = [run for run in results["simul"] if run["AL"] is not None]
    for colour, (policy, runs) in zip(cycle(COLOURS), groupby(points, key=itemgetter("policy")), strict=False):
        _curve(axes, policy, list(runs), colour)
    for dashes, (name, run) in zip(cycle(DASHES), results["offline"].items(), strict=False):
        axes.axhline(run["BLEU"], color=INK, linewidth=1.2, dashes=dashes, label=f"offline {name}: {run['BLEU']:.1f}")
    _dress(axes, results["environment"])
    partial = path.with_name(path.name + ".tmp")
    figure.savefig(partial, format="png")
    partial.replace(path)


def _curve(axes: Axes, policy: str, runs: list[Mapping[str, Any]], colour: str) -> None:
    lags_ms, bleus = [run["AL"] for run in runs], [run["BLEU"] for run in runs]
    axes.plot(lags_ms, bleus, color=colour, linewidth=2, marker="o", markersize=7, markeredgecolor="white",
              markeredgewidth=1.2, label=f"{policy} (numbers: lag k)", zorder=3)
    for run in runs:
        axes.annotate(f"{run['lag']}", (run["AL"], run["BLEU"]), xytext=(6, -6), textcoords="offset points",
                      ha="left", va="top", color=colour, fontsize=10, fontweight="bold", zorder=4,
                      path_effects=[withStroke(linewidth=3, foreground="white")])


def _dress(axes: Axes, setting: Mapping[str, Any]) -> None:
    axes.set_title(f"Translation quality and latency on {setting['utterances']} utterances", loc="left", color=INK,
                   fontsize=12.5, fontweight="bold", pad=24)
    axes.text(0, 1.02, f"SimulEval in segments of {setting['source_segment_size_ms']} ms, {setting['dtype']}",
              transform=axes.transAxes, va="bottom", color=FAINT, fontsize=9)
    axes.set_xlabel("Average lagging AL (ms)", color=INK)
    axes.set_ylabel("BLEU (sacreBLEU, 0–100)", color=INK)
    axes.margins(x=0.08, y=0.12)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, length=3)
    axes.legend(loc="lower right", frameon=False, labelcolor=INK, fontsize=9)
