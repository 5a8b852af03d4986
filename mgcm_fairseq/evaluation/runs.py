"""What is to be evaluated: policies with their lags and options, as text and as agents."""

import re
import shlex
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.agents.registry import POLICIES, agent_class
from mgcm_fairseq.agents.system import System
from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.evaluation.logs import lag_text, run_name

LABEL = re.compile(r"[\w-]+")
OFFLINE = "offline"
FORM = "[NAME=]POLICY:LAG,LAG,... [OPTIONS]"


@dataclass(frozen=True)
class Run:
    """A policy at one lag."""

    label: str  # in tables and curves; the policy, unless another was given
    policy: str
    lag: float  # of the option that the policy's curve varies; of `offline`, the beam
    options: tuple[str, ...] = ()  # more of the agent's

    @property
    def name(self) -> str:
        """Of its folder."""
        return run_name(self.label, self.lag)

    @property
    def settings(self) -> dict[str, Any]:
        """What `of_settings` makes it of again."""
        return {"label": self.label, "policy": self.policy, "lag": self.lag, "options": shlex.join(self.options)}

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any]) -> "Run":
        """The run that had these `settings`, among others."""
        return cls(settings["label"], settings["policy"], settings["lag"], tuple(shlex.split(settings["options"])))

    def agent(self, checkpoint: Path, system: System) -> SystemAgent:
        """The agent over a system that is loaded; raises InputError for options that it does not have."""
        kind = agent_class(self.policy)
        parser = _Parser(prog=self.policy, add_help=False, allow_abbrev=False)
        kind.add_args(parser)
        settled = ["--checkpoint", str(checkpoint), POLICIES[self.policy].lag, lag_text(self.lag)]
        for option in self.options:
            if option.partition("=")[0] in (*settled[::2], "--corpus", "--bf16"):
                raise InputError("--run", "options that evaluate.sh does not set", option,
                                 "The lag stands behind the colon; --checkpoint, --corpus and --dtype are its own.")
        return kind(parser.parse_args([*settled, *self.options]), system)


def parse_runs(texts: Sequence[str]) -> list[Run]:
    """Runs of texts such as `wait-segment:1,3,5` or `wide=alignatt:2,4 --beam 5`; InputError for anything else."""
    runs: dict[str, Run] = {}
    for text in texts:
        first, *options = _words(text)
        named, _, lags = first.rpartition(":")
        label, _, policy = named.rpartition("=")
        if not named or not all(map(_is_number, lags.split(","))):
            raise InputError("--run", FORM, repr(text), "Write e.g. wait-segment:1,3,5.")
        if not LABEL.fullmatch(label or policy):
            raise InputError("--run", "a NAME of letters, digits, _ and -", repr(label or policy), "It names a folder.")
        agent_class(policy, "--run")
        for lag in lags.split(","):
            run = Run(label or policy, policy, float(lag), tuple(options))
            if run.name in runs:
                raise InputError("--run", "each policy and lag once", f"{run.name} again", "Name one: NAME=POLICY:LAG.")
            runs[run.name] = run
    return list(runs.values())


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text) or [""]
    except ValueError as error:
        raise InputError("--run", FORM, f"{text!r} ({error})", "Close the quotation.") from error


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()


class _Parser(ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise InputError("--run", f"options of the {self.prog} agent", message, " ".join(self.format_usage().split()))
