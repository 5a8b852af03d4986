"""A figure by layer of what languages have in common, from the report of captured gradients."""

from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mgcm_fairseq.analysis.plot_conflicts import COMPONENTS, short
from mgcm_fairseq.common.whole import whole
from mgcm_fairseq.evaluation.figures import COLOURS, FORMATS, GRID, INK

_NAMES = {"attention": "attention", "ffn": "FFN", "norm": "norms"}


def plot_sharing(found: dict[str, Any], languages: list[str], path: Path) -> None:
    """Left the share of each layer's signal that is not common, right the languages' cosines where it is largest.

    Filled marks are FFNs that differ significantly.

    Args:
        found: of `report`.
        path: a PNG or SVG by its suffix, written whole; the same report gives the same bytes.
    """
    figure = Figure(figsize=(11, 4.6), dpi=160, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    _by_layer(found, left)
    widest = max(found["ffns"], key=lambda name: found["ffns"][name]["score"] or 0.0)
    image = _cosines(found["ffns"][widest]["cosines"], languages, right)
    right.set_title(f"Cosines of languages, FFN of {short(widest.removesuffix('.ffn'))}", loc="left", color=INK,
                    fontsize=10)
    figure.colorbar(image, ax=right, label="C, without the batches' noise")
    kind = path.suffix.removeprefix(".")
    with rc_context({"svg.hashsalt": "mgcm-fairseq"}), whole(path) as partial:
        figure.savefig(partial, format=kind, **FORMATS[kind])


def _by_layer(found: dict[str, Any], axes: Axes) -> None:
    rows = {(row["layer"], row["component"]): row["score"] for row in found["components"]}
    layers = [layer for layer in dict.fromkeys(layer for layer, _ in rows) if (layer, "attention") in rows]
    for component, colour in zip(COMPONENTS, COLOURS, strict=False):
        scores = [rows.get((layer, component)) for layer in layers]
        axes.plot(range(len(layers)), [float("nan") if score is None else score for score in scores], color=colour,
                  marker="o", markerfacecolor="white", label=_NAMES[component])
    differing = [number for number, layer in enumerate(layers)
                 if found["ffns"].get(f"{layer}.ffn", {"fit": {"differs": False}})["fit"]["differs"]]
    if differing:
        axes.plot(differing, [rows[layers[number], "ffn"] for number in differing], linestyle="none", marker="o",
                  color=COLOURS[1], label="FFN of the encoder, significant")
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xticks(range(len(layers)), [short(layer) for layer in layers], rotation=60, fontsize=8)
    axes.set_title("What languages ask of a layer and do not have in common", loc="left", color=INK, fontsize=10)
    axes.set_ylabel("share of the consistent signal (0 = all is common)", color=INK)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, labelcolor=INK)


def _cosines(cosines_LL: list[list[float | None]], languages: list[str], axes: Axes) -> Any:
    """White where one is not known."""
    values = [[float("nan") if value is None else value for value in row] for row in cosines_LL]
    image = axes.imshow(values, vmin=0, vmax=1, cmap="magma", interpolation="nearest")
    for row, of_language in enumerate(values):
        for column, value in enumerate(of_language):
            axes.text(column, row, "?" if value != value else f"{value:.2f}", ha="center", va="center", fontsize=8,
                      color="black" if value != value or value > 0.6 else "white")
    axes.set_xticks(range(len(languages)), languages)
    axes.set_yticks(range(len(languages)), languages)
    return image
