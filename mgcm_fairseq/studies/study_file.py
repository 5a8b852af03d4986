"""Reads a study's YAML, and says what is wrong with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.evaluation.runs import LABEL, parse_runs
from mgcm_fairseq.studies.study import PLAN, PLANS, SHARE, START, UPDATES, Study, StudySize

KEYS = {"title": str, "training": str, "baseline": str, "average": int, "runs": list, "options": list, "start": list,
        "sizes": dict, "systems": dict}
OPTIONAL = {"plan": list}
SIZE_KEYS = {"updates": int, "start_updates": int, "seeds": list, "options": list}
MAY_SAY = {"systems": list}
"""What a size may say besides: the systems that are trained in it unless the user names others."""


def studies() -> list[str]:
    """The names of those in configs/studies."""
    return sorted(path.stem for path in (CONFIGS / "studies").glob("*.yaml"))


def read_study(path: Path, size: str) -> Study:
    """Reads a YAML such as those in configs/studies.

    Raises:
        InputError: a key is missing, unknown or of another type; there is no such size; the baseline is no system; a
            name is none that a folder can have.
    """
    found = _mapping(path)
    _check(path, found, KEYS, OPTIONAL)
    if size not in found["sizes"]:
        raise InputError("--size", f"one of {', '.join(found['sizes'])}", repr(size), f"Choose one of {path}.")
    _check(path, found["sizes"][size], SIZE_KEYS, MAY_SAY)
    if not found["sizes"][size]["seeds"] or not all(type(seed) is int for seed in found["sizes"][size]["seeds"]):
        raise InputError(path, "seeds as a list of whole numbers, one at least", repr(found["sizes"][size]["seeds"]),
                         "Correct the file.")
    for key, value, least in (("average", found["average"], 1), ("updates", found["sizes"][size]["updates"], 1),
                              ("start_updates", found["sizes"][size]["start_updates"], 0)):
        if value < least:
            raise InputError(path, f"{key} of {least} at least", repr(value), "Correct the file.")
    if wrong := [option for option in (*found["options"], *found["start"], *found["sizes"][size]["options"])
                 if option.startswith((f"{UPDATES}=", f"{PLAN}="))]:
        raise InputError(path, f"{UPDATES}= and {PLAN}= in a system's options alone", repr(wrong[0]),
                         "Put it under systems.")
    if wrong := [name for name, options in found["systems"].items() if not isinstance(options, list)]:
        raise InputError(path, "for each system a list of KEY=VALUE", f"{found['systems'][wrong[0]]!r} for {wrong[0]}",
                         "Correct the file.")
    systems = {name: tuple(map(str, options)) for name, options in found["systems"].items()}
    if wrong := [name for name in systems if not LABEL.fullmatch(str(name))]:
        raise InputError(path, "names of systems of letters, digits, _ and -", repr(wrong[0]), "It names a folder.")
    if wrong := [option for options in systems.values() for option in options
                 if option.startswith(f"{UPDATES}=") and not SHARE.fullmatch(option)]:
        raise InputError(path, f"{UPDATES}=N%, a share of the size's updates", repr(wrong[0]), "Correct the file.")
    if taken := [name for name in (START, PLAN) if name in systems]:
        raise InputError(path, "names of systems", repr(taken[0]), "That is the folder of what they begin with.")
    if found["baseline"] not in systems:
        raise InputError(path, f"as baseline one of {', '.join(systems)}", repr(found["baseline"]), "Correct it.")
    parse_runs(found["runs"])
    sized = found["sizes"][size]
    default = sized.get("systems", list(systems))
    if unknown := [name for name in default if name not in systems] or [
            name for name in (found["baseline"],) if name not in default]:
        raise InputError(path, f"systems of {size} that there are, the baseline {found['baseline']} among them",
                         repr(unknown[0]), "Correct the file.")
    study = Study(path.stem, found["title"], found["training"], found["baseline"], found["average"],
                  tuple(found["runs"]), tuple(map(str, found["options"])),
                  tuple(map(str, found["start"])), tuple(found["plan"]) if "plan" in found else None,
                  StudySize(size, sized["updates"], sized["start_updates"], tuple(sized["seeds"]),
                            tuple(map(str, sized["options"])), tuple(default)), systems)
    _check_plans(path, study)
    return study


def _check_plans(path: Path, study: Study) -> None:
    """InputError for a system with a plan that there is not."""
    named = {name: plan for name in study.systems if (plan := study.plan_of(name)) is not None}
    if wrong := [name for name, plan in named.items() if plan not in PLANS]:
        raise InputError(path, f"{PLAN}= one of {', '.join(PLANS)}", f"{named[wrong[0]]!r} for {wrong[0]}",
                         "Correct the file.")
    if named and study.plan is None:
        raise InputError(path, f"a key {PLAN}, the options of the plans", f"none, and {PLAN}= for {next(iter(named))}",
                         "Add it; [] for no options.")
    if study.plan is not None and not study.size.start_updates:
        raise InputError(path, "start_updates from 1 on, for a model to make plans from", "0", "Correct the file.")


def _mapping(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise InputError(path, "a study's YAML", " ".join(str(error).split()), f"See {CONFIGS / 'studies'}.") from error
    if not isinstance(found, dict):
        raise InputError(path, "a mapping", type(found).__name__, f"See {CONFIGS / 'studies'}.")
    return found


def _check(path: Path, found: Any, keys: Mapping[str, type], optional: Mapping[str, type] | None = None) -> None:
    """InputError unless `found` has just these keys, and of the optional ones any, each with a value of its type."""
    if not isinstance(found, dict) or found.keys() - (optional or {}) != keys.keys():
        given = ", ".join(map(str, found)) if isinstance(found, dict) else repr(found)
        raise InputError(path, f"the keys {', '.join(keys)}", given or "none", "Correct the file.")
    for key, kind in [*keys.items(), *((key, kind) for key, kind in (optional or {}).items() if key in found)]:
        if not isinstance(found[key], kind) or isinstance(found[key], bool):
            raise InputError(path, f"{key} as a {kind.__name__}", repr(found[key])[:80], "Correct the file.")
        if kind is list and key != "seeds" and not all(isinstance(one, str) for one in found[key]):
            raise InputError(path, f"{key} as a list of texts", repr(found[key])[:80], "Correct the file.")
