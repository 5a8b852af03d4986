"""A study as its YAML describes it: systems, seeds, sizes, and what the test set is translated with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.evaluation.runs import LABEL, parse_runs

KEYS = {"title": str, "training": str, "baseline": str, "average": int, "runs": list, "options": list, "start": list,
        "sizes": dict, "systems": dict}
SIZE_KEYS = {"updates": int, "start_updates": int, "seeds": list, "options": list}
MAY_SAY = {"systems": list}
"""What a size may say besides: the systems that are trained in it unless the user names others."""
UPDATES = "updates"
"""A system's option UPDATES=N% is no option of fairseq's: its training has that share of the size's updates."""
_SHARE = re.compile(r"(.+)=(\d+(?:\.\d+)?)%")
START = "start"
"""In the place of a system's name: the training that all systems of a seed begin with."""


@dataclass(frozen=True)
class StudySize:
    """How much is trained."""

    name: str
    updates: int
    start_updates: int  # of the training that the systems begin with; 0: they begin with random weights
    seeds: tuple[int, ...]
    options: tuple[str, ...]
    systems: tuple[str, ...]  # that are trained unless others are named


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
    size: StudySize
    systems: Mapping[str, tuple[str, ...]]

    def of_training(self, system: str, seed: int) -> list[str]:
        """Every KEY=VALUE of one training but those that name files."""
        updates = self.updates_of(system)
        own = self.start if system == START else self.systems[system]
        return [f"common.seed={seed}", f"optimization.max_update={updates}",
                *(_scheduled(option, updates) for option in (*self.options, *self.size.options, *own)
                  if not option.startswith(f"{UPDATES}="))]

    def updates_of(self, system: str) -> int:
        """Of one training of the system, or of the start."""
        if system == START:
            return self.size.start_updates
        asked = [option for option in self.systems[system] if option.startswith(f"{UPDATES}=")]
        return int(_scheduled(asked[-1], self.size.updates).partition("=")[2]) if asked else self.size.updates


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
    _check(path, found, KEYS)
    if size not in found["sizes"]:
        raise InputError("--size", f"one of {', '.join(found['sizes'])}", repr(size), f"Choose one of {path}.")
    _check(path, found["sizes"][size], SIZE_KEYS, MAY_SAY)
    if not found["sizes"][size]["seeds"] or not all(type(seed) is int for seed in found["sizes"][size]["seeds"]):
        raise InputError(path, "seeds as a list of whole numbers, one at least", repr(found["sizes"][size]["seeds"]),
                         "Correct the file.")
    if wrong := [name for name, options in found["systems"].items() if not isinstance(options, list)]:
        raise InputError(path, "for each system a list of KEY=VALUE", f"{found['systems'][wrong[0]]!r} for {wrong[0]}",
                         "Correct the file.")
    systems = {name: tuple(map(str, options)) for name, options in found["systems"].items()}
    if wrong := [name for name in systems if not LABEL.fullmatch(str(name))]:
        raise InputError(path, "names of systems of letters, digits, _ and -", repr(wrong[0]), "It names a folder.")
    if wrong := [option for options in systems.values() for option in options
                 if option.startswith(f"{UPDATES}=") and not _SHARE.fullmatch(option)]:
        raise InputError(path, f"{UPDATES}=N%, a share of the size's updates", repr(wrong[0]), "Correct the file.")
    if START in systems:
        raise InputError(path, "names of systems", repr(START), "That is the folder of what they begin with.")
    if found["baseline"] not in systems:
        raise InputError(path, f"as baseline one of {', '.join(systems)}", repr(found["baseline"]), "Correct it.")
    parse_runs(found["runs"])
    sized = found["sizes"][size]
    default = sized.get("systems", list(systems))
    if unknown := [name for name in default if name not in systems] or [
            name for name in (found["baseline"],) if name not in default]:
        raise InputError(path, f"systems of {size} that there are, the baseline {found['baseline']} among them",
                         repr(unknown[0]), "Correct the file.")
    return Study(path.stem, found["title"], found["training"], found["baseline"], found["average"],
                 tuple(found["runs"]), tuple(map(str, found["options"])),
                 tuple(map(str, found["start"])),
                 StudySize(size, sized["updates"], sized["start_updates"], tuple(sized["seeds"]),
                           tuple(map(str, sized["options"])), tuple(default)), systems)


def chosen(study: Study, names: Sequence[str] | None) -> list[str]:
    """The systems of these names in the study's order, the baseline among them; those of the size for None."""
    if names is None:
        return [name for name in study.systems if name in study.size.systems]
    if unknown := [name for name in names if name not in study.systems]:
        raise InputError("--systems", f"some of {', '.join(study.systems)}", repr(unknown[0]), "Correct the option.")
    return [name for name in study.systems if name in names or name == study.baseline]


def _scheduled(option: str, updates: int) -> str:
    """KEY=N% as KEY=the share of the updates, at least 1; any other option as it is."""
    share = _SHARE.fullmatch(option)
    return f"{share[1]}={max(1, round(float(share[2]) * updates / 100))}" if share else option


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
