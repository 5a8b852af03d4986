"""A study as its YAML describes it: systems, seeds, sizes, and what the test set is translated with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mgcm_fairseq.common.errors import InputError

UPDATES = "updates"
"""A system's option UPDATES=N% is no option of fairseq's: its training has that share of the size's updates."""
SHARE = re.compile(r"(.+)=(\d+(?:\.\d+)?)%")
"""An option of a study's YAML that is a share of a training's updates."""
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
    plan: tuple[str, ...] | None  # of the sharing plans that are made from what they begin with; None for none
    size: StudySize
    systems: Mapping[str, tuple[str, ...]]

    def of_training(self, system: str, seed: int) -> list[str]:
        """Every KEY=VALUE of one training but those that name files."""
        updates = self.updates_of(system)
        own = self.start if system == START else self.systems[system]
        return [f"common.seed={seed}", f"optimization.max_update={updates}",
                *(_scheduled(option, updates) for option in (*self.options, *self.size.options, *own)
                  if not option.startswith((f"{UPDATES}=", f"{PLAN}=")))]

    def updates_of(self, system: str) -> int:
        """Of one training of the system, or of the start."""
        if system == START:
            return self.size.start_updates
        asked = [option for option in self.systems[system] if option.startswith(f"{UPDATES}=")]
        return int(_scheduled(asked[-1], self.size.updates).partition("=")[2]) if asked else self.size.updates

    def plan_of(self, system: str) -> str | None:
        """The name, of PLANS, of the sharing plan that a system has."""
        named = [option.removeprefix(f"{PLAN}=") for option in self.systems.get(system, ())
                 if option.startswith(f"{PLAN}=")]
        return named[-1] if named else None


def against(study: Study, baseline: str | None) -> Study:
    """The study with another baseline; None for its own."""
    if baseline is not None and baseline not in study.systems:
        raise InputError("--baseline", f"one of {', '.join(study.systems)}", repr(baseline), "Correct the option.")
    return study if baseline is None else replace(study, baseline=baseline)


def chosen(study: Study, names: Sequence[str] | None) -> list[str]:
    """The systems of these names in the study's order, the baseline among them; those of the size for None."""
    if names is None:
        return [name for name in study.systems if name in study.size.systems or name == study.baseline]
    if unknown := [name for name in names if name not in study.systems]:
        raise InputError("--systems", f"some of {', '.join(study.systems)}", repr(unknown[0]), "Correct the option.")
    return [name for name in study.systems if name in names or name == study.baseline]


def _scheduled(option: str, updates: int) -> str:
    """KEY=N% as KEY=the share of the updates, at least 1; any other option as it is."""
    share = SHARE.fullmatch(option)
    return f"{share[1]}={max(1, round(float(share[2]) * updates / 100))}" if share else option
