"""Quality against latency: a line for each policy, dashed where computing time counts, and one for offline decoding.
"""

from collections.abc import Mapping
from itertools import cycle, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")  # Okabe and Ito: told apart by the colour-blind
DASHES = ((6, 3), (2, 2), (8, 2, 2, 2))
INK, FAINT, GRID = "#333333", "#777777", "#E6E6E6"
FORMATS: dict[str, dict[str, Any]] = {"png": {}, "svg": {"metadata": {"Date": None}}}  # same bytes for same figures


def plot(results: Mapping[str, Any], folder: Path) -> None:
    """Writes BLEU over AL (ms) to bleu_al.png and bleu_al.svg, each whole or not at all.

    Runs without AL (no word at all) have no point.
    """
    figure = Figure(figsize=(8.2, 5), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    points = [run for run in results["simul"] if run["AL"] is not None]
    for colour, (policy, group) in zip(cycle(COLOURS), groupby(points, key=itemgetter("policy")), strict=False):
        runs = sorted(group, key=itemgetter("AL"))
        _curve(axes, policy, runs, colour)
        axes.plot([run["AL_CA"] for run in runs], [run["BLEU"] for run in runs], color=colour, linewidth=1.2,
                  linestyle="--", marker="o", markersize=3, zorder=2)
    for dashes, (name, run) in zip(cycle(DASHES), results["offline"].items(), strict=False):
        axes.axhline(run["BLEU"], color=INK, linewidth=1.2, dashes=dashes, label=f"offline {name}: {run['BLEU']:.1f}")
    _dress(axes, results["environment"])
    with rc_context({"svg.hashsalt": "mgcm-fairseq"}):
        for suffix, options in FORMATS.items():
            partial = folder / f"bleu_al.{suffix}.tmp"
            figure.savefig(partial, format=suffix, **options)
            partial.replace(folder / f"bleu_al.{suffix}")


def _curve(axes: Axes, policy: str, runs: list[Mapping[str, Any]], colour: str) -> None:
    lags_ms, bleus = [run["AL"] for run in runs], [run["BLEU"] for run in runs]
    axes.plot(lags_ms, bleus, color=colour, linewidth=2, marker="o", markersize=7, markeredgecolor="white",
              markeredgewidth=1.2, label=policy, zorder=3)
    for run in runs:
        axes.annotate(f"{run['lag']}", (run["AL"], run["BLEU"]), xytext=(6, -6), textcoords="offset points",
                      ha="left", va="top", color=colour, fontsize=10, fontweight="bold", zorder=4,
                      path_effects=[withStroke(linewidth=3, foreground="white")])


def _dress(axes: Axes, setting: Mapping[str, Any]) -> None:
    axes.set_title(f"Translation quality and latency on {setting['utterances']} utterances", loc="left", color=INK,
                   fontsize=12.5, fontweight="bold", pad=24)
    axes.text(0, 1.02, f"SimulEval in segments of {setting['source_segment_size_ms']} ms, {setting['dtype']}. "
              "Numbers: lag. Dashed: computing time counted.",
              transform=axes.transAxes, va="bottom", color=FAINT, fontsize=9)
    axes.set_xlabel("Average lagging AL (ms)", color=INK)
    axes.set_ylabel("BLEU (sacreBLEU, 0–100)", color=INK)
    axes.margins(x=0.08, y=0.12)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, length=3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", frameon=False, labelcolor=INK, fontsize=9)
