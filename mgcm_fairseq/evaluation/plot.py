"""Quality against latency: a line for each policy, dashed where computing time counts, and one for offline decoding.
"""

from collections.abc import Mapping
from itertools import cycle, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from mgcm_fairseq.evaluation.figures import COLOURS, DASHES, INK, dress, save

LATENCIES = {False: ("AL", "Average lagging AL (ms)"), True: ("LongYAAL", "LongYAAL (ms)")}  # whether of talks


def plot(results: Mapping[str, Any], folder: Path) -> None:
    """Writes BLEU over AL (ms), of talks over LongYAAL, to bleu_al.png and bleu_al.svg, each whole or not at all.

    Talks' files are called bleu_longyaal. Runs without that latency have no point.
    """
    setting = results["environment"]
    latency, title = LATENCIES["talks" in setting]
    figure = Figure(figsize=(8.2, 5), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    points = [run for run in results["simul"] if run[latency] is not None]
    for colour, (policy, group) in zip(cycle(COLOURS), groupby(points, key=itemgetter("policy")), strict=False):
        runs = sorted(group, key=itemgetter(latency))
        _curve(axes, policy, runs, latency, colour)
        axes.plot([run[f"{latency}_CA"] for run in runs], [run["BLEU"] for run in runs], color=colour, linewidth=1.2,
                  linestyle="--", marker="o", markersize=3, zorder=2)
    for dashes, (name, run) in zip(cycle(DASHES), results["offline"].items(), strict=False):
        axes.axhline(run["BLEU"], color=INK, linewidth=1.2, dashes=dashes, label=f"offline {name}: {run['BLEU']:.1f}")
    of_talks = f" of {setting['talks']} talks" if "talks" in setting else ""
    reads = "Reads" if of_talks else "SimulEval in reads"
    dress(axes, f"Translation quality and latency on {setting['utterances']} utterances{of_talks}",
          f"{reads} of {setting['source_segment_size_ms']} ms, {setting['dtype']}. "
          "Numbers: operating point. Dashed: computing time counted.", title)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", frameon=False, labelcolor=INK, fontsize=9)
    save(figure, folder, f"bleu_{latency.lower()}")


def _curve(axes: Axes, policy: str, runs: list[Mapping[str, Any]], latency: str, colour: str) -> None:
    latencies_ms, bleus = [run[latency] for run in runs], [run["BLEU"] for run in runs]
    axes.plot(latencies_ms, bleus, color=colour, linewidth=2, marker="o", markersize=7, markeredgecolor="white",
              markeredgewidth=1.2, label=policy, zorder=3)
    for run in runs:
        axes.annotate(f"{run['point']}", (run[latency], run["BLEU"]), xytext=(6, -6), textcoords="offset points",
                      ha="left", va="top", color=colour, fontsize=10, fontweight="bold", zorder=4,
                      path_effects=[withStroke(linewidth=3, foreground="white")])
