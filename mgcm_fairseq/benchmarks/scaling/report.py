"""Everything that is computed from the costs, and its Markdown tables."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from mgcm_fairseq.benchmarks.scaling import arithmetic
from mgcm_fairseq.benchmarks.scaling.corpus import SyntheticCorpus
from mgcm_fairseq.benchmarks.scaling.costs import Costs
from mgcm_fairseq.benchmarks.scaling.limits import MOST, changes, limit
from mgcm_fairseq.benchmarks.scaling.machine import Machine
from mgcm_fairseq.benchmarks.scaling.memory import memory
from mgcm_fairseq.benchmarks.scaling.simulate import SimulatedTraining, efficiency, simulate
from mgcm_fairseq.evaluation.table import markdown

EFFICIENCIES = (0.8, 0.5)
GB = "{:.1f}"


def report(costs: Costs, corpus: SyntheticCorpus, machine: Machine, training: SimulatedTraining,
           gpus: Sequence[int]) -> dict[str, list[dict[str, Any]]]:
    """Rows of each table."""
    return {"costs": _costs(costs, corpus, training), "steps": _steps(costs, corpus, machine, training, gpus),
            "limits": [{"variant": variant, **asdict(limit(costs, variant, corpus, machine, training, below))}
                       for variant in costs.variants for below in EFFICIENCIES],
            "changes": _changes(costs, corpus, machine, training, max(gpus))}


def _costs(costs: Costs, corpus: SyntheticCorpus, training: SimulatedTraining) -> list[dict[str, Any]]:
    batches = corpus.batches(training.max_tokens, training.batch_size)
    parameter_bytes = 4 * costs.parameters
    work = {name: float(np.mean(arithmetic.flops(cost.flops, batches.utterances, batches.samples, batches.source,
                                                 batches.target)))
            for name, cost in costs.variants.items()}
    return [{"variant": name, "tflop": work[name] / 1e12, "over_plain": work[name] / work["plain"],
             "operators": cost.kernels, "merged_gb": cost.merged / 1e9,
             "exchange_calls": cost.exchange.backward.calls,
             "exchange_volume": cost.exchange.backward.volume / parameter_bytes,
             "gradient_calls": cost.exchange.gradients.calls,
             "gradient_volume": cost.exchange.gradients.volume / parameter_bytes,
             **{f"peak_gb_{dtype}": peak / 1e9 for dtype, peak in cost.peaks.items()},
             "flops_error": cost.flops_error} for name, cost in costs.variants.items()]


def _steps(costs: Costs, corpus: SyntheticCorpus, machine: Machine, training: SimulatedTraining,
           gpus: Sequence[int]) -> list[dict[str, Any]]:
    rows = []
    for count in gpus:
        for variant in costs.variants:
            alone = simulate(costs, variant, corpus, machine, training, 1)
            found = simulate(costs, variant, corpus, machine, training, count)
            held = memory(costs, variant, count)
            sizes = {**asdict(held), "total": held.total}
            rows.append({"variant": variant, **asdict(found), "step_ms": found.step_ms,
                         "efficiency": efficiency(found, alone),
                         "memory_gb": {part: size / 1e9 for part, size in sizes.items()}})
    return rows


def _changes(costs: Costs, corpus: SyntheticCorpus, machine: Machine, training: SimulatedTraining,
             gpus: int) -> list[dict[str, Any]]:
    rows = []
    for text, changed, trained in changes(machine, training):
        row: dict[str, Any] = {"change": text, "gpus": gpus, "efficiency": {}, "audio_h_s": {}}
        for variant in costs.variants:
            alone, found = (simulate(costs, variant, corpus, changed, trained, count) for count in (1, gpus))
            row["efficiency"][variant] = efficiency(found, alone)
            row["audio_h_s"][variant] = found.audio_h_s
        rows.append(row)
    return rows


def tables(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The rows as tables."""
    parts = [("Measured on a CPU", _costs_table(found["costs"])), ("Steps", _steps_table(found["steps"])),
             ("Memory of a GPU, GB", _memory_table(found["steps"])),
             ("Batches", _batches_table(found["steps"])), ("Where it stops scaling", _limits_table(found["limits"])),
             (f"Efficiency on {found['changes'][0]['gpus']} GPUs if", _changes_table(found["changes"]))]
    return "\n".join("\n".join([title, "", *lines, ""]) for title, lines in parts)


def _costs_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    head = ["step of", "TFLOP of a mean batch", "over plain", "operators", "merging moves, GB", "exchange: calls",
            "volume, P", "gradients: calls", "volume, P", "peak fp16, GB", "fp32"]
    return markdown([head, *([row["variant"], f"{row['tflop']:.2f}", f"{row['over_plain']:.2f}", f"{row['operators']}",
                              GB.format(row["merged_gb"]), f"{row['exchange_calls']}", f"{row['exchange_volume']:.3f}",
                              f"{row['gradient_calls']}", f"{row['gradient_volume']:.3f}",
                              GB.format(row["peak_gb_fp16"]), GB.format(row["peak_gb_fp32"])] for row in rows)])


def _steps_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    head = ["GPUs, training", "step, ms", "computing", "waiting", "gradients", "exchange", "sent, MB", "GB",
            "speech, h/s", "efficiency"]
    return markdown([head, *([
        f"{row['gpus']}, {row['variant']}",
        *(f"{row[key]:.0f}" for key in ("step_ms", "compute_ms", "wait_ms")),
        *(f"{row[key]:.1f}" for key in ("gradients_ms", "exchange_ms")), f"{row['traffic_mb']:.0f}",
        GB.format(row["memory_gb"]["total"]), f"{row['audio_h_s']:.2f}", f"{row['efficiency']:.0%}"] for row in rows)])


def _memory_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = ("weights", "optimizer", "buffers", "step", "total")
    last = [row for row in rows if row["gpus"] == rows[-1]["gpus"]]
    return markdown([["training", *parts],
                     *([row["variant"], *(GB.format(row["memory_gb"][part]) for part in parts)] for row in last)])


def _batches_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    first = [row for row in rows if row["variant"] == rows[0]["variant"]]
    return markdown([["GPUs", "speech in an update, s", "updates in an epoch"],
                     *([f"{row['gpus']}", f"{row['batch_s']:.0f}", f"{row['updates']}"] for row in first)])


def _limits_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    def number(gpus: int | None) -> str:
        return f"not up to {MOST}" if gpus is None else f"{gpus}"

    return markdown([["training", "efficiency below", "from GPUs", "most of the loss"],
                     *([row["variant"], f"{row['below']:.0%}", number(row["gpus"]), row["cause"]] for row in rows)])


def _changes_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    base = rows[0]["audio_h_s"]
    variants = list(base)
    fastest = "mgcm global" if "mgcm global" in base else variants[0]
    head = ["if", *variants, f"speech/s of {fastest}"]
    return markdown([head, *([row["change"], *(f"{row['efficiency'][variant]:.0%}" for variant in variants),
                              f"x {row['audio_h_s'][fastest] / base[fastest]:.2f}"] for row in rows)])
