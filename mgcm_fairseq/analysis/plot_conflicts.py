"""Figures of a conflict log: by layer with a noise floor (Fig. 5 of arXiv 2409.15911), cosines, and over time."""

import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mgcm_fairseq.analysis.conflict_log import ConflictLog
from mgcm_fairseq.analysis.consistency import over_training, part_members
from mgcm_fairseq.common.whole import whole
from mgcm_fairseq.evaluation.figures import COLOURS, FAINT, INK, dress_panel
from mgcm_fairseq.training.part_names import PARTS

COMPONENTS = ("attention", "ffn", "norm")
_NAMES = {"attention": "Attn", "ffn": "FFN", "norm": "LN"}
_NOISE: dict[str, Any] = {"linestyle": (0, (3, 2)), "linewidth": 1, "alpha": 0.7}
_SHORT_NAMES = (("front_end", "w2v"), ("encoder", "enc"), ("decoder", "dec"))


def plot_by_layer(log: ConflictLog, path: Path) -> None:
    """Conflict rate of each component in each layer, a panel for each auxiliary task; dashed: the noise floor."""
    figure, panels = _panels(len(log.auxiliaries), f"Gradients that oppose {log.header['tasks'][0]}'s, by layer")
    layers = log.layers()
    for auxiliary, (task, axes) in enumerate(zip(log.auxiliaries, panels, strict=True)):
        for component, colour in zip(COMPONENTS, COLOURS, strict=False):
            members = [log.members(layer, component) for layer in layers]
            axes.plot([100 * log.rate(of_layer, auxiliary) for of_layer in members], color=colour, marker="o",
                      label=_NAMES[component])
            axes.plot([100 * log.noise_rate(of_layer) for of_layer in members], color=colour,
                      label=f"{_NAMES[component]}: noise floor", **_NOISE)
        axes.set_xticks(range(len(layers)), [short(layer) for layer in layers], rotation=60, fontsize=8)
        dress_panel(axes, task, "layer", "conflicts (% of modules and passes)")
        axes.set_ylim(0, 100)
    panels[-1].legend(frameon=False, fontsize=8, labelcolor=INK)
    _save(figure, path)


def plot_cosines(log: ConflictLog, path: Path) -> None:
    """How often each cosine was seen, by component."""
    figure, panels = _panels(len(log.auxiliaries), f"Cosine with {log.header['tasks'][0]}'s gradient")
    edges = np.linspace(-1, 1, log.header["bins"] + 1)
    for auxiliary, (task, axes) in enumerate(zip(log.auxiliaries, panels, strict=True)):
        known = [pair for pair in zip(COMPONENTS, COLOURS, strict=False) if pair[0] in log.header["components"]]
        for component, colour in known:
            counts = log.histogram[log.header["components"].index(component), auxiliary]
            if counts.sum():
                axes.stairs(100 * counts / counts.sum(), edges, color=colour, label=_NAMES[component], linewidth=1.5)
        axes.axvline(0, color=FAINT, linewidth=1)
        dress_panel(axes, task, "cosine", "modules and passes (%)")
    for axes in [axes for axes in panels if axes.get_legend_handles_labels()[0]][-1:]:  # none without a cosine
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    _save(figure, path)


def plot_over_time(log: ConflictLog, path: Path) -> None:
    """Conflict rate of each layer over training, all components together; empty without a layer that has attention."""
    figure, panels = _panels(len(log.auxiliaries), f"Gradients that oppose {log.header['tasks'][0]}'s, over training")
    layers = log.layers()
    for auxiliary, (task, axes) in enumerate(zip(log.auxiliaries, panels, strict=True)):
        rates = [[100 * log.rate(log.members(layer, None), auxiliary, slice(record, record + 1))
                  for record in range(len(log.updates))] for layer in layers] or [[float("nan")] * len(log.updates)]
        image = axes.imshow(rates, aspect="auto", origin="lower", vmin=0, vmax=100, cmap="magma",
                            interpolation="nearest")
        axes.set_yticks(range(len(layers)), [short(layer) for layer in layers], fontsize=8)
        ticks = np.unique(np.linspace(0, len(log.updates) - 1, 5).round().astype(int))
        axes.set_xticks(ticks, log.updates[ticks])
        axes.set_title(task, loc="left", color=INK, fontsize=10)
        axes.set_xlabel("updates", color=INK)
        figure.colorbar(image, ax=axes, label="conflicts (%)")
    _save(figure, path)


def plot_weights(log: ConflictLog, path: Path) -> None:
    """The weight of each task's loss over training."""
    figure, [axes] = _panels(1, "Weights of the tasks' losses")
    for task, weights, colour in zip(log.header["tasks"], log.weights.T, COLOURS, strict=False):
        axes.plot(log.updates, weights, color=colour, label=task)
    dress_panel(axes, "", "updates", "weight")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    _save(figure, path)


def plot_consistency(log: ConflictLog, path: Path) -> None:
    """Mean cosine of modules by part over training, and by layer, a column for each task; dashed: the noise floor."""
    primary, columns = log.header["tasks"][0], len(log.auxiliaries)
    figure, panels = _panels(columns, f"Agreement of gradients with {primary}'s", rows=2, share="row")
    for auxiliary, task in enumerate(log.auxiliaries):
        _parts_over_training(log, task, panels[auxiliary])
        _cosines_by_layer(log, auxiliary, panels[columns + auxiliary])
    for axes in [axes for axes in panels[::columns] if axes.get_legend_handles_labels()[0]]:
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    _save(figure, path)


def _parts_over_training(log: ConflictLog, task: str, axes: Axes) -> None:
    """The parts that the task reaches."""
    dress_panel(axes, task, "updates", "cosine, mean over modules")
    axes.axhline(0, color=FAINT, linewidth=1)
    for part, colour in zip(PARTS, COLOURS, strict=False):
        series = over_training(log, part_members(log, part))
        if not np.isnan(series[task]).all():
            axes.plot(log.updates, series[task], color=colour, label=part)
            axes.plot(log.updates, series["noise"], color=colour, label=f"{part}: noise floor", **_NOISE)


def _cosines_by_layer(log: ConflictLog, auxiliary: int, axes: Axes) -> None:
    dress_panel(axes, log.auxiliaries[auxiliary], "layer", "cosine, mean over modules")
    axes.axhline(0, color=FAINT, linewidth=1)
    layers = log.layers()
    members = [log.members(layer, None) for layer in layers]
    axes.plot([log.cosine(of_layer, auxiliary) for of_layer in members], color=INK, marker="o", label="whole training")
    axes.plot([log.noise_cosine(of_layer) for of_layer in members], color=INK, label="noise floor", **_NOISE)
    axes.set_xticks(range(len(layers)), [short(layer) for layer in layers], rotation=60, fontsize=8)


def short(layer: str) -> str:
    """enc 1 for encoder.layers.0, counted from 1 as in the paper; other names as they are."""
    number = re.search(r"\.(\d+)$", layer)
    part = next((name for key, name in _SHORT_NAMES if key in layer.split(".")), None)
    return f"{part} {int(number[1]) + 1}" if number and part else layer


def _panels(columns: int, title: str, rows: int = 1,
            share: Literal["none", "row"] = "none") -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(5.2 * columns, 4.2 * rows), dpi=160, layout="constrained")
    figure.suptitle(title, color=INK, fontsize=12, fontweight="bold", x=0.01, ha="left")
    return figure, list(figure.subplots(rows, columns, squeeze=False, sharey=share).flat)


def _save(figure: Figure, path: Path) -> None:
    with whole(path) as partial:
        figure.savefig(partial, format="png")
