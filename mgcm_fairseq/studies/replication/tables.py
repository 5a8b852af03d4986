"""The tables of docs/replication.md, of replication.json alone: each a function of it to Markdown lines."""

from collections.abc import Callable, Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from mgcm_fairseq.evaluation.table import ABSENT, markdown
from mgcm_fairseq.studies.differences import difference_rows, versions, with_spread
from mgcm_fairseq.studies.replication.conflicts import COMPONENTS, NOISE
from mgcm_fairseq.studies.replication.paper import BILLIONS, TABLE_1, TABLE_2, label, run_label

Found = Mapping[str, Any]
NOT_MADE = ["Not made: nothing that it needs is trained."]


def table_1(found: Found) -> list[str]:
    """BLEU of each system over seeds, beside Table I of the paper."""
    runs = runs_of(found)
    rows = [["system", "seeds", *map(run_label, runs), "bits", "paper: greedy", "paper: beam 5"]]
    for name, system in found["systems"].items():
        paper = TABLE_1.get(name)
        rows.append([label(name), f"{len(trials_of(found, name))}",
                     *(with_spread(system["mean"][run]["BLEU"]) for run in runs),
                     with_spread(system["bits"], 3) if system["bits"] else ABSENT,
                     *([f"{value:.2f}" for value in paper] if paper else [ABSENT] * 2)])
    return markdown(rows)


def differences(found: Found) -> list[str]:
    """From the baseline: mean, interval, p, and each seed."""
    runs = [run for run in runs_of(found) if run.startswith("offline") or run.endswith("-3")]
    rows = difference_rows(found["systems"], {run: run_label(run) for run in runs}, label)
    return markdown(rows) if len(rows) > 1 else NOT_MADE


def latency(found: Found) -> list[str]:
    """Quality and latency of wait-k, as Fig. 3 and 4 of the paper: BLEU and AL of each point."""
    runs = [run for run in runs_of(found) if not run.startswith("offline")]
    rows = [["system", *(f"{run_label(run)}: BLEU at AL" for run in runs)]]
    for name, system in found["systems"].items():
        means = [(system["mean"][run]["BLEU"][0], system["mean"][run]["AL"][0]) for run in runs]
        rows.append([label(name), *(f"{bleu:.1f} at {ABSENT if lagging is None else f'{lagging:.0f} ms'}"
                                    for bleu, lagging in means)])
    return markdown(rows)


def table_2(found: Found) -> list[str]:
    """Time and memory of a step, beside Table II of the paper."""
    rows = [["method", "network", "step, plain is 1", "floor of arithmetic", "extra peak memory (P)",
             f"paper: GB at {', '.join(map(str, BILLIONS))} B"]]
    for cost in found["costs"]:
        for row in cost["rows"]:
            paper = TABLE_2.get(row["method"]) if row["size"] == "0.2" else None
            rows.append([row["method"], f"{row['parameters'] / 1e6:.1f} M", _number(row["time_ratio"], ".2f"),
                         _number(row["floor_ratio"], ".2f"), _number(row["extra_peak_over_params"], "+.2f"),
                         ", ".join(f"{value:.2f}" for value in paper) if paper else ABSENT])
    return markdown(rows) if found["costs"] else NOT_MADE


def wall_time(found: Found) -> list[str]:
    """What a training took, and when it reached the BLEU on dev that the baseline ends with."""
    rows = [["system", "updates", "CPU seconds", "seconds", "updates to the baseline's BLEU", "seeds that get there"]]
    for name, system in found["systems"].items():
        seconds = [one["seconds"] for one in trials_of(found, name) if one["seconds"]]
        reached = system["updates_to_baseline"]
        rows.append([label(name), f"{system['updates']:,}", _number(system["cpu_seconds"], ",.0f"),
                     _number(mean(seconds) if seconds else None, ",.0f"), _number(reached["mean"], ",.0f"),
                     f"{reached['reached']} of {reached['of']}"])
    return markdown(rows)


def conflict_rates(found: Found) -> list[str]:
    """Conflict rates by component beside the noise floor, mean over seeds, as in Fig. 5 of the paper."""
    rows = [["system", "modules", *(f"{task} against st" for task in _auxiliaries(found)), "st against itself"]]
    for name, logs in _logged(found).items():
        everywhere = "whole model" if logs[0]["granularity"] == "model" else "all"
        kinds = {everywhere: [log["everywhere"] for log in logs], **{
            one: [log["components"][one] for log in logs if one in log["components"]] for one in COMPONENTS}}
        rows += [[label(name), kind, *(_percent([rates.get(task) for rates in of_kind])
                                       for task in (*_auxiliaries(found), NOISE))]
                 for kind, of_kind in kinds.items() if of_kind]
    return markdown(rows) if len(rows) > 1 else NOT_MADE


def masking(found: Found) -> list[str]:
    """What the whole gradient hides, as Fig. 1 of the paper says it does: mean over seeds."""
    rows = [["system", "task", "whole gradients in conflict", "their cosine", "modules in conflict",
             "modules in conflict while the whole gradients are not"]]
    for name, logs in _logged(found).items():
        for task in _auxiliaries(found):
            of_task = [log["masking"][task] for log in logs if task in log["masking"]]
            if of_task and logs[0]["granularity"] in ("module", "parameter"):
                cosines = [one["cosine"] for one in of_task if one["cosine"] is not None]
                rows.append([label(name), task, _percent([one["whole"] for one in of_task]),
                             _number(mean(cosines) if cosines else None, "+.3f"),
                             _percent([log["everywhere"][task] for log in logs]),
                             _percent([one["hidden"] for one in of_task])])
    return markdown(rows) if len(rows) > 1 else NOT_MADE


def removed(found: Found) -> list[str]:
    """The share of each auxiliary gradient that a rule took away, by quarter of the training, mean over seeds."""
    quarters = ("first quarter", "second", "third", "last")
    rows = [["system", "task", *quarters]]
    for name, logs in _logged(found).items():
        for task in _auxiliaries(found):
            series = [log["over_training"]["removed"][task] for log in logs]
            if name != found["baseline"]:
                rows.append([label(name), task, *(_percent([_quarter(one, number) for one in series])
                                                  for number in range(4))])
    return markdown(rows) if len(rows) > 1 else NOT_MADE


def left_out(found: Found) -> list[str]:
    """What was not trained in this size, and what is not in any."""
    constant = f"Constant weights: {label(found['tuned'])} had the lower cross entropy on dev with the first seed." if (
        found["tuned"]) else "Constant weights: not tuned, for not all candidates are trained."
    return [f"- Not trained: {', '.join(found['missing']) or 'nothing of this size'}.",
            f"- Of size full alone: {'; '.join(map(label, found['not_of_this_size'])) or 'nothing'}.", f"- {constant}"]


def made_with(found: Found) -> list[str]:
    """Size, updates, seeds and versions."""
    return [f"Size `{found['size']}`, {found['updates']:,} updates, seeds {', '.join(map(str, found['seeds']))}. "
            f"Made with {versions(found['environment'])}."]


TABLES: dict[str, Callable[[Found], list[str]]] = {
    "table_1": table_1, "differences": differences, "latency": latency, "table_2": table_2, "wall_time": wall_time,
    "conflict_rates": conflict_rates, "masking": masking, "removed": removed, "left_out": left_out,
    "made_with": made_with}
"""Name, by which a page asks for it -> table."""


def runs_of(found: Found) -> list[str]:
    """Names of the runs on the test set."""
    return list(found["systems"][next(iter(found["systems"]))]["mean"])


def trials_of(found: Found, system: str) -> list[Mapping[str, Any]]:
    """Of one system, by seed."""
    return sorted((one for one in found["trials"] if one["system"] == system), key=lambda one: one["seed"])


def _logged(found: Found) -> dict[str, list[Mapping[str, Any]]]:
    """System -> the conflicts of its trials, of those that log them."""
    logs = {name: [one["conflicts"] for one in trials_of(found, name) if one["conflicts"]] for name in found["systems"]}
    return {name: of_system for name, of_system in logs.items() if of_system}


def _auxiliaries(found: Found) -> list[str]:
    return list(dict.fromkeys(task for logs in _logged(found).values() for log in logs for task in log["tasks"][1:]))


def _quarter(series: Sequence[float | None], number: int) -> float | None:
    """The mean of what is known in one quarter of the records."""
    known = [one for one in series[len(series) * number // 4:len(series) * (number + 1) // 4] if one is not None]
    return mean(known) if known else None


def _percent(shares: Sequence[float | None]) -> str:
    """Mean and standard deviation of what is known."""
    known = [100 * one for one in shares if one is not None]
    return with_spread((mean(known), stdev(known) if len(known) > 1 else None)) + " %" if known else ABSENT


def _number(value: float | None, form: str) -> str:
    return ABSENT if value is None else format(value, form)
