"""A study as its YAML describes it: systems, seeds, sizes, and what the test set is translated with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.evaluation.runs import LABEL, parse_runs

KEYS = {"title": str, "training": str, "baseline": str, "average": int, "runs": list, "options": list, "start": list,
        "sizes": dict, "systems": dict}
OPTIONAL = {"plan": list}
SIZE_KEYS = {"updates": int, "start_updates": int, "seeds": list, "options": list}
START = "start"
"""In the place of a system's name: the training that all systems of a seed begin with."""
PLAN = "plan"
"""In the place of a system's name: the sharing plans of a seed. As an option, plan=NAME: the plan that a system has."""
PLANS = ("found", "reference", "planted", "random", "one_each")
"""Their names: see `studies.plans`."""


@dataclass(frozen=True)
class StudySize:
    """How much is trained."""

    name: str
    updates: int
    start_updates: int  # of the training that the systems begin with; 0: they begin with random weights
    seeds: tuple[int, ...]
    options: tuple[str, ...]


@dataclass(frozen=True)
class Study:
    """A table of systems. Options are KEY=VALUE, as Hydra reads them; KEY=N% is that share of a training's updates."""

    name: str
    title: str
    training: str  # name of the YAML in configs/ that all systems are variants of
    baseline: str  # the system that the others are compared with
    average: int  # last checkpoints whose mean is evaluated
    runs: tuple[str, ...]  # of mgcm-evaluate
    options: tuple[str, ...]  # of all systems
    start: tuple[str, ...]  # of the training that they begin with
    plan: tuple[str, ...] | None  # of the sharing plans that are made from what they begin with; None for none
    size: StudySize
    systems: Mapping[str, tuple[str, ...]]

    def of_training(self, system: str, seed: int) -> list[str]:
        """Every KEY=VALUE of one training but those that name files."""
        updates = self.size.start_updates if system == START else self.size.updates
        own = self.start if system == START else self.systems[system]
        return [f"common.seed={seed}", f"optimization.max_update={updates}",
                *(_scheduled(option, updates) for option in (*self.options, *self.size.options, *own)
                  if not option.startswith(f"{PLAN}="))]

    def plan_of(self, system: str) -> str | None:
        """The name, of PLANS, of the sharing plan that a system has."""
        named = [option.removeprefix(f"{PLAN}=") for option in self.systems.get(system, ())
                 if option.startswith(f"{PLAN}=")]
        return named[-1] if named else None


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
    _check(path, found["sizes"][size], SIZE_KEYS)
    if not found["sizes"][size]["seeds"] or not all(type(seed) is int for seed in found["sizes"][size]["seeds"]):
        raise InputError(path, "seeds as a list of whole numbers, one at least", repr(found["sizes"][size]["seeds"]),
                         "Correct the file.")
    if wrong := [name for name, options in found["systems"].items() if not isinstance(options, list)]:
        raise InputError(path, "for each system a list of KEY=VALUE", f"{found['systems'][wrong[0]]!r} for {wrong[0]}",
                         "Correct the file.")
    systems = {name: tuple(map(str, options)) for name, options in found["systems"].items()}
    if wrong := [name for name in systems if not LABEL.fullmatch(str(name))]:
        raise InputError(path, "names of systems of letters, digits, _ and -", repr(wrong[0]), "It names a folder.")
    if taken := [name for name in (START, PLAN) if name in systems]:
        raise InputError(path, "names of systems", repr(taken[0]), "That is the folder of what they begin with.")
    if found["baseline"] not in systems:
        raise InputError(path, f"as baseline one of {', '.join(systems)}", repr(found["baseline"]), "Correct it.")
    parse_runs(found["runs"])
    sized = found["sizes"][size]
    study = Study(path.stem, found["title"], found["training"], found["baseline"], found["average"],
                  tuple(found["runs"]), tuple(map(str, found["options"])),
                  tuple(map(str, found["start"])), tuple(found["plan"]) if "plan" in found else None,
                  StudySize(size, sized["updates"], sized["start_updates"], tuple(sized["seeds"]),
                            tuple(map(str, sized["options"]))), systems)
    _check_plans(path, study)
    return study


def against(study: Study, baseline: str | None) -> Study:
    """The study with another baseline; None for its own."""
    if baseline is not None and baseline not in study.systems:
        raise InputError("--baseline", f"one of {', '.join(study.systems)}", repr(baseline), "Correct the option.")
    return study if baseline is None else replace(study, baseline=baseline)


def chosen(study: Study, names: Sequence[str] | None) -> list[str]:
    """The systems of these names in the study's order, the baseline among them; all for None."""
    if names is None:
        return list(study.systems)
    if unknown := [name for name in names if name not in study.systems]:
        raise InputError("--systems", f"some of {', '.join(study.systems)}", repr(unknown[0]), "Correct the option.")
    return [name for name in study.systems if name in names or name == study.baseline]


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


def _scheduled(option: str, updates: int) -> str:
    """KEY=N% as KEY=the share of the updates, at least 1; any other option as it is."""
    share = re.fullmatch(r"(.+)=(\d+(?:\.\d+)?)%", option)
    return f"{share[1]}={max(1, round(float(share[2]) * updates / 100))}" if share else option


def _mapping(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise InputError(path, "a study's YAML", " ".join(str(error).split()), f"See {CONFIGS / 'studies'}.") from error
    if not isinstance(found, dict):
        raise InputError(path, "a mapping", type(found).__name__, f"See {CONFIGS / 'studies'}.")
    return found


def _check(path: Path, found: Any, keys: Mapping[str, type], optional: Mapping[str, type] = {}) -> None:
    """InputError unless `found` has just these keys, with or without the optional ones, each a value of its type."""
    keys = {**keys, **{key: kind for key, kind in optional.items() if isinstance(found, dict) and key in found}}
    if not isinstance(found, dict) or found.keys() != keys.keys():
        given = ", ".join(map(str, found)) if isinstance(found, dict) else repr(found)
        raise InputError(path, f"the keys {', '.join(keys)}", given or "none", "Correct the file.")
    for key, kind in keys.items():
        if not isinstance(found[key], kind) or isinstance(found[key], bool):
            raise InputError(path, f"{key} as a {kind.__name__}", repr(found[key])[:80], "Correct the file.")
        if kind is list and key != "seeds" and not all(isinstance(one, str) for one in found[key]):
            raise InputError(path, f"{key} as a list of texts", repr(found[key])[:80], "Correct the file.")
