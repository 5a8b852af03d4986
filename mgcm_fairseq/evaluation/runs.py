"""What is to be evaluated: policies with their operating points and options, and the folders that they get."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.agents.choice import build_agent, read_choice
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.agent_options import LONG_FORM, is_given
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.evaluation.logs import run_name

LABEL = re.compile(r"[\w-]{1,100}")
OFFLINE = "offline"


@dataclass(frozen=True)
class Run:
    """A policy at one operating point."""

    label: str  # in tables and curves; the policy, unless another was given
    policy: str
    point: float  # of the option that the policy's curve varies; of `offline`, the beam
    options: tuple[str, ...] = ()  # more of the agent's

    @property
    def name(self) -> str:
        """Of its folder."""
        return run_name(self.label, self.point)

    @property
    def settings(self) -> dict[str, Any]:
        """What `of_settings` makes it of again."""
        return {"label": self.label, "policy": self.policy, "point": self.point, "options": shlex.join(self.options)}

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any]) -> "Run":
        """The run that had these `settings`, among others."""
        return cls(settings["label"], settings["policy"], settings["point"], tuple(shlex.split(settings["options"])))

    def agent(self, checkpoint: Path, system: System) -> SystemAgent:
        """The agent over a system that is loaded; raises InputError for options that it does not have."""
        return build_agent(self.policy, self.point, self.options, checkpoint, system)


def for_talks(run: Run) -> Run:
    """The run with an agent that takes a talk."""
    return run if is_given(LONG_FORM, run.options) else replace(run, options=(*run.options, LONG_FORM))


def parse_runs(texts: Sequence[str]) -> list[Run]:
    """Runs of texts such as `wait-segment:1,3,5` or `wide=alignatt:2,4 --beam 5`; InputError for anything else."""
    runs: dict[str, Run] = {}
    for text in texts:
        name, policy, points, options = read_choice(text)
        label = name or policy
        if not LABEL.fullmatch(label):
            raise InputError("--run", "a NAME of letters, digits, _ and -, 100 at most", repr(label),
                             "It names a folder.")
        for point in points:
            run = Run(label, policy, point, options)
            if run.name in runs:
                raise InputError("--run", "each policy and operating point once", f"{run.name} again",
                                 "Name one: NAME=POLICY:POINT.")
            runs[run.name] = run
    return list(runs.values())
