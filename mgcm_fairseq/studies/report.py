"""study.json, all figures of a study, and study.md, its tables."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import mean
from typing import Any

from mgcm_fairseq.evaluation.table import ABSENT, markdown
from mgcm_fairseq.studies.differences import difference_rows, versions, with_spread
from mgcm_fairseq.studies.effects import effect, spread, updates_to
from mgcm_fairseq.studies.languages import by_language, language_tables
from mgcm_fairseq.studies.plan_tables import plan_tables
from mgcm_fairseq.studies.results import TrialResult
from mgcm_fairseq.studies.study import Study

STATED = ("mgcm_fairseq", "commit", "torch", "fairseq", "simuleval", "sacrebleu", "cpu", "cores", "gpu", "dtype",
          "test_set")


def assemble(study: Study, outcomes: Sequence[TrialResult], plans: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """study.json of the trials that are done.

    Differences from the baseline are over the seeds that both have.

    Args:
        plans: of `told`, of each seed.
    """
    seeds = sorted({*study.size.seeds, *(one.seed for one in outcomes)})
    of_system: dict[str, dict[int, TrialResult]] = {}
    for one in outcomes:
        of_system.setdefault(one.system, {})[one.seed] = one
    base = of_system.get(study.baseline, {})
    return {
        "study": study.name, "title": study.title, "size": study.size.name, "updates": study.size.updates,
        "baseline": study.baseline, "seeds": seeds,
        "missing": [f"{name}-seed{seed}" for name in study.size.systems for seed in seeds
                    if seed not in of_system.get(name, {})],
        "environment": {key: _shared([one.environment.get(key) for one in outcomes]) for key in STATED},
        "trials": [{"system": one.system, "seed": one.seed, "figures": one.figures, "dev": one.dev,
                    "cpu_seconds": one.cpu_seconds, **({"by_language": one.by_language} if one.by_language else {}),
                    **({"same_plan_as": one.same_plan_as} if one.same_plan_as else {})}
                    for one in outcomes],
        "systems": {name: {"updates": study.updates_of(name), **_system(seeds, base)}
                    for name, seeds in of_system.items()},
        **({"plans": list(plans)} if study.plan is not None else {}),
    }


def _system(seeds: Mapping[int, TrialResult], base: Mapping[int, TrialResult]) -> dict[str, Any]:
    """Means over seeds, differences from the baseline, and what it took to get where the baseline ended."""
    common = sorted(seeds.keys() & base.keys())
    runs = list(next(iter(seeds.values())).figures)
    seconds = [one.cpu_seconds for one in seeds.values() if one.cpu_seconds is not None]
    reached = [updates_to(base[seed].dev[-1][1], [(updates, bleu) for updates, bleu, _ in seeds[seed].dev])
               for seed in common if base[seed].dev]
    bits = {seed: one.dev[-1][2] for seed, one in seeds.items() if one.dev}
    every = [one for one in reached if one is not None]
    both_on_dev = [seed for seed in common if seed in bits and base[seed].dev]
    differs = common and seeds[common[0]] is not base[common[0]]
    return {
        "mean": {run: {metric: spread([one.figures[run][metric] for one in seeds.values()])
                       for metric in next(iter(seeds.values())).figures[run]} for run in runs},
        "effects": {run: asdict(effect([seeds[seed].statistics[run] for seed in common],
                                       [base[seed].statistics[run] for seed in common])) for run in runs if differs},
        "by_language": by_language(seeds, base, common if differs else []),
        "bits": spread([bits.get(seed) for seed in seeds]) if bits else None,
        "bits_by_seed": [bits[seed] - base[seed].dev[-1][2] for seed in both_on_dev] if differs else [],
        "cpu_seconds": mean(seconds) if seconds else None,
        "updates_to_baseline": {"reached": len(every), "of": len(reached), "mean": mean(every) if every else None},
    }


def tables(found: Mapping[str, Any]) -> str:
    """study.md."""
    lines = [f"# {found['title']}", "",
             f"Size `{found['size']}`: {found['updates']:,} updates, seeds {', '.join(map(str, found['seeds']))}. "
             "BLEU on the test set, mean and standard deviation over seeds; bits: ST's cross entropy for each token of "
             "dev, of the last checkpoint.", ""]
    lines += [*_means(found), "", *_taken_over(found), f"## Difference from {found['baseline']}", "",
              "In BLEU: mean, 95 % interval over test sentences and seeds, p, and each seed; and bits of each seed.",
              "", *_effects(found), "",
              "## Cost", "",
              f"Updates and seconds until the BLEU on dev that {found['baseline']} ends with, of the seeds that get "
              "there.", "", *_cost(found), ""]
    lines += [*language_tables(found), *(plan_tables(found["plans"]) if found.get("plans") else [])]
    if found["missing"]:
        lines += [f"Not trained: {', '.join(found['missing'])}.", ""]
    stated = versions(found["environment"])
    return "\n".join([*lines, *([f"Environment: {stated}.", ""] if stated else [])])


def _means(found: Mapping[str, Any]) -> list[str]:
    runs = _runs(found)
    rows = [["system", "seeds", *runs, "bits"]]
    for name, system in found["systems"].items():
        count = sum(trial["system"] == name for trial in found["trials"])
        rows.append([name, str(count), *(with_spread(system["mean"][run]["BLEU"]) for run in runs),
                     with_spread(system["bits"], 3) if system["bits"] else ABSENT])
    return markdown(rows)


def _taken_over(found: Mapping[str, Any]) -> list[str]:
    """Which trials have the figures of another one."""
    seeds: dict[tuple[str, str], list[str]] = {}
    for trial in found["trials"]:
        if "same_plan_as" in trial:
            seeds.setdefault((trial["system"], trial["same_plan_as"]), []).append(str(trial["seed"]))
    return [line for (name, other), of in seeds.items()
            for line in (f"{name}, seed {', '.join(of)}: same plan as {other}: not trained again.", "")]


def _effects(found: Mapping[str, Any]) -> list[str]:
    rows = difference_rows(found["systems"], {run: run for run in _runs(found)})
    return markdown(rows) if len(rows) > 1 else ["Nothing to compare."]


def _cost(found: Mapping[str, Any]) -> list[str]:
    rows = [["system", "CPU seconds of a training", "seeds that get there", "updates", "CPU seconds"]]
    for name, system in found["systems"].items():
        seconds, reached = system["cpu_seconds"], system["updates_to_baseline"]
        until = None if None in (reached["mean"], seconds) else reached["mean"] / system["updates"] * seconds
        rows.append([name, _whole(seconds), f"{reached['reached']} of {reached['of']}", _whole(reached["mean"]),
                     _whole(until)])
    return markdown(rows)


def _runs(found: Mapping[str, Any]) -> list[str]:
    return list(next(iter(found["systems"].values()))["mean"]) if found["systems"] else []


def _whole(value: float | None) -> str:
    return ABSENT if value is None else f"{value:,.0f}"


def _shared(values: Sequence[Any]) -> Any:
    """The one value of all, or all of them."""
    every = list(dict.fromkeys(values))
    return every[0] if len(every) == 1 else (every or None)
