"""BLEU against latency of several systems: a colour for each system and policy, horizontal lines for offline decoding.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle, product
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from mgcm_fairseq.evaluation.comparison.formats import header
from mgcm_fairseq.evaluation.comparison.settings import OPTIONS
from mgcm_fairseq.evaluation.figures import COLOURS, DASHES, INK, dress, save

MARKERS = ("o", "s", "^", "D")  # a marker for all colours, then the next
STYLES = {"": ("-", "full"), "_CA": ("--", "none")}  # suffix of the metric: line, fill of the markers

Point = Mapping[str, Any]  # of compare.json


def plot(comparison: Mapping[str, Any], folder: Path) -> None:
    """Writes curves.png and curves.svg, each whole or not at all, and the same bytes for the same comparison."""
    save(draw(comparison), folder, "curves")


def draw(comparison: Mapping[str, Any]) -> Figure:
    """Plain latency solid, computation-aware latency dashed where it is known.

    Points are left out where a seed has no such latency: its mean would be over other seeds than BLEU's.
    """
    figure = Figure(figsize=(9.6, 5.2), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    latency = comparison["latency"]
    curves: dict[tuple[str, str], list[Point]] = {}
    for point in comparison["points"]:
        curves.setdefault((point["name"], point["policy"]), []).append(point)
    looks = cycle((colour, marker) for marker, colour in product(MARKERS, COLOURS))
    colours: dict[str, str] = {}  # of each system's first curve
    for ((name, policy), points), (colour, marker) in zip(curves.items(), looks, strict=False):
        colours.setdefault(name, colour)
        for suffix, (style, fill) in STYLES.items():
            _curve(axes, points, latency + suffix, label="" if suffix else f"{name}, {policy}",
                   color=colour, marker=marker, linestyle=style, fillstyle=fill)
    _offline(axes, comparison["offline"], colours)
    settings = dict.fromkeys(OPTIONS if name.startswith(OPTIONS) else name for name in comparison["differing"])
    warning = f"Settings differ: {', '.join(settings)}.\n" if settings else ""
    dress(axes, f"Translation quality and latency on {comparison['bootstrap']['sentences']} utterances",
          f"{warning}Numbers: operating point. Dashed: computing time counted. Bars: one standard deviation.",
          header(latency))
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside right upper", frameon=False, labelcolor=INK, fontsize=9)
    return figure


def _curve(axes: Axes, points: Sequence[Point], latency: str, label: str, **look: Any) -> None:
    drawn = sorted((point for point in points if point["BLEU"]["n"] == point.get(latency, {"n": None})["n"] != 0),
                   key=lambda point: point[latency]["mean"])
    if not drawn:
        return
    xs, ys = ([point[metric]["mean"] for point in drawn] for metric in (latency, "BLEU"))
    x_errors, y_errors = ([point[metric]["std"] or 0 for point in drawn] for metric in (latency, "BLEU"))
    axes.errorbar(xs, ys, xerr=x_errors if any(x_errors) else None, yerr=y_errors if any(y_errors) else None,
                  linewidth=2, elinewidth=1, capsize=2, markersize=6, zorder=3, label=label or None, **look)
    for point, x, y in zip(drawn, xs, ys, strict=True):
        axes.annotate(f"{point['point']:g}", (x, y), xytext=(6, -6), textcoords="offset points", ha="left", va="top",
                      color=look["color"], fontsize=9, fontweight="bold", zorder=4,
                      path_effects=[withStroke(linewidth=3, foreground="white")])


def _offline(axes: Axes, offline: Sequence[Mapping[str, Any]], colours: Mapping[str, str]) -> None:
    dashes = dict(zip(dict.fromkeys(one["decoding"] for one in offline), cycle(DASHES), strict=False))
    for one in offline:
        bleu = one["BLEU"]["mean"]
        if bleu is not None:
            axes.axhline(bleu, color=colours[one["name"]], linewidth=1.2, dashes=dashes[one["decoding"]],
                         label=f"{one['name']}, offline {one['decoding']}: {bleu:.1f}")
