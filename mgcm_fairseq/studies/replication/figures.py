"""The figures of docs/replication.md, of replication.json alone, beside the paper's Fig. 1, 3, 4 and 5."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mgcm_fairseq.analysis.plot_conflicts import short
from mgcm_fairseq.evaluation.figures import COLOURS, FAINT, INK, dress_panel, save
from mgcm_fairseq.studies.replication.conflicts import COMPONENTS, NOISE
from mgcm_fairseq.studies.replication.paper import label
from mgcm_fairseq.studies.replication.tables import runs_of, trials_of

COMPARED = ("multi_task", "multi_task_same_time", "single_task", "mgcm", "mgcm_noise")
"""Systems in figures that all would make hard to read."""
_NAMES = {"attention": "Attn", "ffn": "FFN", "norm": "LN"}


def quality_and_latency(found: Mapping[str, Any]) -> Figure:
    """BLEU over AL of wait-k, mean over seeds; bars: one standard deviation over seeds. Fig. 3 and 4 of the paper."""
    figure, [axes] = _panels(1, 1, "Quality and latency of wait-k")
    runs = [run for run in runs_of(found) if not run.startswith("offline")]
    for colour, name in zip(cycle(COLOURS), _compared(found), strict=False):
        points = [point for run in runs if (point := found["systems"][name]["mean"][run])["AL"][0] is not None]
        axes.errorbar([one["AL"][0] / 1000 for one in points], [one["BLEU"][0] for one in points],
                      xerr=[(one["AL"][1] or 0) / 1000 for one in points],
                      yerr=[one["BLEU"][1] or 0 for one in points], color=colour, marker="o", capsize=3,
                      label=label(name))
    dress_panel(axes, "", "average lagging AL (s)", "BLEU")
    return _with_legend(figure, axes)


def on_dev(found: Mapping[str, Any]) -> Figure:
    """BLEU and cross entropy on dev over updates; thin: each seed, thick: their mean."""
    figure, panels = _panels(1, 2, "On dev, during training")
    for axes, index, name_of in zip(panels, (1, 2), ("BLEU", "ST's cross entropy (bits)"), strict=True):
        for colour, name in zip(cycle(COLOURS), _compared(found), strict=False):
            curves = [one["dev"] for one in trials_of(found, name) if one["dev"]]
            for curve in curves:
                axes.plot([row[0] for row in curve], [row[index] for row in curve], color=colour, linewidth=0.7,
                          alpha=0.5)
            if curves and len({len(curve) for curve in curves}) == 1:
                means = np.mean([[row[index] for row in curve] for curve in curves], 0)
                axes.plot([row[0] for row in curves[0]], means, color=colour, linewidth=2, label=label(name))
        dress_panel(axes, "", "updates", name_of)
    return _with_legend(figure, panels[-1])


def by_layer(found: Mapping[str, Any]) -> Figure:
    """Conflict rate by layer and component, mean over seeds; dashed: the noise floor. Fig. 5 of the paper."""
    systems = {name: logs for name in COMPARED if (logs := _logs(found, name)) and logs[0]["layers"]}
    tasks = _auxiliaries(systems)
    figure, panels = _panels(len(systems), len(tasks), "Gradients that oppose ST's, by layer")
    for row, (name, logs) in enumerate(systems.items()):
        layers = list(logs[0]["layers"])
        for axes, task in zip(panels[row * len(tasks):], tasks, strict=False):
            for component, colour in zip(COMPONENTS, COLOURS, strict=False):
                for of, style in ((task, {"marker": "o"}), (NOISE, {"linestyle": "--", "linewidth": 1})):
                    axes.plot([_mean([log["layers"][layer].get(component, {}).get(of) for log in logs])
                               for layer in layers], color=colour, **style,
                              label=_NAMES[component] + (": noise floor" if of == NOISE else ""))
            axes.set_xticks(range(len(layers)), [short(layer) for layer in layers], rotation=60, fontsize=8)
            axes.set_ylim(0, 100)
            dress_panel(axes, f"{task}, {label(name)}", "", "conflicts (%)")
    return _with_legend(figure, panels[-1])


def masking(found: Mapping[str, Any]) -> Figure:
    """How often each cosine of a module was seen; line: the mean cosine of the whole gradients. Fig. 1 of the paper."""
    logs = _logs(found, found["baseline"])
    tasks = _auxiliaries({"": logs})
    figure, panels = _panels(1, len(tasks), "Cosines with ST's gradient: modules, and the whole (line)")
    for axes, task in zip(panels, tasks, strict=False):
        for component, colour in zip(COMPONENTS, COLOURS, strict=False):
            shares = np.mean([log["cosines"][component][task] for log in logs], 0) * 100
            axes.stairs(shares, np.linspace(-1, 1, len(shares) + 1), color=colour, label=_NAMES[component])
        axes.axvline(0, color=FAINT, linewidth=1)
        whole = [cosine for log in logs if (cosine := log["masking"].get(task, {}).get("cosine")) is not None]
        if whole:
            axes.axvline(mean(whole), color=INK, linewidth=2, label="whole gradients, mean")
        dress_panel(axes, task, "cosine", "modules and passes (%)")
    return _with_legend(figure, panels[-1])


def over_training(found: Mapping[str, Any]) -> Figure:
    """Conflict rate with the noise floor, and the share of auxiliary gradients that rules remove, over training."""
    logs, rules = _logs(found, found["baseline"]), ("mgcm", "mgcm_noise", "discard", "pcgrad")
    tasks = _auxiliaries({"": logs})
    figure, panels = _panels(2, len(tasks), "Over training")
    for axes, below, task in zip(panels, panels[len(tasks):], tasks, strict=False):
        for series, colour, name in (([log["over_training"]["rate"][task] for log in logs], COLOURS[0], task),
                                     ([log["over_training"][NOISE] for log in logs], FAINT, "noise floor")):
            axes.plot(*_by_update(logs, series), color=colour, label=name)
        axes.set_ylim(0, 100)
        dress_panel(axes, f"{task}, {label(found['baseline'])}", "updates", "conflicts (% of modules)")
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)
        for colour, name in zip(cycle(COLOURS), rules, strict=False):
            if of_rule := _logs(found, name):
                below.plot(*_by_update(of_rule, [log["over_training"]["removed"][task] for log in of_rule]),
                           color=colour, label=label(name))
        dress_panel(below, task, "updates", "removed of its gradients (%)")
    return _with_legend(figure, panels[-1])


FIGURES = {"quality_and_latency": quality_and_latency, "on_dev": on_dev, "by_layer": by_layer, "masking": masking,
           "over_training": over_training}
"""Name of its files -> figure."""
_OF_LOGS = ("by_layer", "masking", "over_training")


def draw(found: Mapping[str, Any], folder: Path) -> list[str]:
    """Writes folder/NAME.png and .svg of each figure that there are numbers for; the names of the others."""
    logged = bool(_logs(found, found["baseline"]))
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in FIGURES.items():
        if logged or name not in _OF_LOGS:
            save(make(found), folder, name)
    return [] if logged else list(_OF_LOGS)


def _compared(found: Mapping[str, Any]) -> list[str]:
    return [name for name in COMPARED if name in found["systems"]]


def _logs(found: Mapping[str, Any], system: str) -> list[Mapping[str, Any]]:
    return [one["conflicts"] for one in trials_of(found, system) if one["conflicts"]]


def _auxiliaries(systems: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    return list(dict.fromkeys(task for logs in systems.values() for log in logs for task in log["tasks"][1:]))


def _mean(shares: Sequence[float | None]) -> float:
    known = [100 * one for one in shares if one is not None]
    return mean(known) if known else float("nan")


def _by_update(logs: Sequence[Mapping[str, Any]],
               series: Sequence[Sequence[float | None]]) -> tuple[list[int], list[float]]:
    """The updates of which all trainings have a record, and percent there, mean over trainings."""
    known = [dict(zip(log["updates"], shares, strict=True)) for log, shares in zip(logs, series, strict=True)]
    updates = [one for one in known[0] if all(one in other for other in known)]
    return updates, [_mean([shares[one] for shares in known]) for one in updates]


def _panels(rows: int, columns: int, title: str) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(5.2 * columns + 1.5 * (columns == 1), 4 * rows), dpi=110, layout="constrained")
    figure.suptitle(title, color=INK, fontsize=12, fontweight="bold", x=0.01, ha="left")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def _with_legend(figure: Figure, axes: Axes) -> Figure:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    return figure
