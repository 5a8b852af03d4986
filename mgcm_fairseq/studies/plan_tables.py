"""What the sharing plans of a study say, beside the truth where it is known: a part of study.json, and its tables."""

from collections.abc import Sequence
from typing import Any

from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.core.sharing import adjusted_rand
from mgcm_fairseq.data.sharing_plan import read_plan
from mgcm_fairseq.evaluation.table import ABSENT, markdown
from mgcm_fairseq.studies.plans import Groups, Plans, planted
from mgcm_fairseq.studies.same_plan import trained_by

_JUDGED = ("delta", "p", "q", "stable", "groups", "unknown")


def told(plans: Plans) -> dict[str, Any]:
    """Of one seed: each FFN, and what the found plan splits. `agreement`: the adjusted Rand index with the true groups.
    """
    report, truth = read_json(plans.report), planted(plans.start.corpus)
    found, known, random = map(plans.file, ("found", "planted", "random"))
    plan = read_plan(found)
    return {
        "seed": plans.start.seed,
        "ffns": [{"ffn": name, "score": one["score"], **{key: one["fit"][key] for key in _JUDGED},
                  "agreement": _agreement(one["fit"]["groups"], truth)} for name, one in report["ffns"].items()],
        "split": [{"ffn": layer.ffn, "private": len(layer.private), "groups": [*map(list, layer.groups.values())],
                   "agreement": _agreement([*layer.groups.values()], truth)}
                  for layer in plan.layers],
        "planted_is_found": known.is_file() and trained_by(read_plan(known)) == trained_by(plan),
        "random": [*map(list, read_plan(random).layers[0].groups.values())] if random.is_file() else None,
    }


def plan_tables(plans: Sequence[dict[str, Any]]) -> list[str]:
    """Lines of study.md."""
    rows = [["plan", "FFN", "score", "delta", "p", "q", "stable", "groups", "agreement", "private units"]]
    for plan in plans:
        split = {one["ffn"]: one for one in plan["split"]}
        for one in plan["ffns"]:
            numbers = [_number(one[key]) for key in ("score", "delta", "p", "q", "stable")]
            groups = f"unknown: {' '.join(one['unknown'])}" if one["unknown"] else _groups(one["groups"])
            rows.append([f"seed {plan['seed']}", one["ffn"], *numbers, groups, _number(one["agreement"], 2),
                         str(split[one["ffn"]]["private"]) if one["ffn"] in split else ABSENT])
    lines = ["## Plans", "", "Of the encoder's FFNs; agreement: the adjusted Rand index with the true groups. An FFN "
             "without private units is shared.", "", *markdown(rows), ""]
    everything = [f"{plan['seed']}" for plan in plans if not plan["split"]]
    if everything:
        lines += [f"The plan of seed {', '.join(everything)} shares everything: a system with plan=found is the shared "
                  "one.", ""]
    same = [f"{plan['seed']}" for plan in plans if plan["planted_is_found"]]
    if same:
        lines += [f"The planted plan of seed {', '.join(same)} is the found one, and so are the trainings.", ""]
    drawn = [f"{_groups(plan['random'])} (seed {plan['seed']})" for plan in plans if plan["random"]]
    return [*lines, f"Random groups: {', '.join(drawn)}.", ""] if drawn else lines


def _agreement(groups: Groups, truth: Groups | None) -> float | None:
    return None if truth is None else round(adjusted_rand(groups, truth), 3)


def _groups(groups: Groups) -> str:
    return "all" if len(groups) == 1 else " / ".join(map(" ".join, groups))


def _number(value: float | None, digits: int = 3) -> str:
    return ABSENT if value is None else f"{value:.{digits}f}"
