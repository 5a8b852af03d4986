"""A policy with its operating point and more options of its agent: as text, `alignatt:4 --beam 5`, and as an agent."""

import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.agents.registry import POLICIES, agent_class
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.plain_numbers import plain_whole
from mgcm_fairseq.decoding.agent_options import SOURCE_LANG
from mgcm_fairseq.decoding.system import System

FORM = "[NAME=]POLICY:POINT,POINT,... [OPTIONS]"
HELP = ("policies, each with the option whose value POINT is: "
        f"{', '.join(f'{name} ({policy.varied})' for name, policy in POLICIES.items())}; "
        "OPTIONS are more of the agent's")


_LONGEST_POINT = 12  # characters; it is part of the name of a folder


class Choice(NamedTuple):
    """A policy at some operating points."""

    name: str  # "" if the text has none
    policy: str
    points: list[float]  # of the option that the policy's curve varies; of `offline`, the beam
    options: tuple[str, ...]  # more of the agent's


def read_choice(text: str) -> Choice:
    """What --run says; InputError for anything that is not of the FORM, or no policy."""
    first, *options = _words(text)
    named, _, points = first.rpartition(":")
    name, _, policy = named.rpartition("=")
    if not named or not all(map(_is_number, points.split(","))):
        raise InputError("--run", FORM, repr(text), "Write e.g. wait-segment:1,3,5.")
    agent_class(policy, "--run")
    return Choice(name, policy, [float(point) for point in points.split(",")], tuple(options))


def build_agent(policy: str, point: float, options: Sequence[str], checkpoint: Path, system: System) -> SystemAgent:
    """The agent over a system that is loaded; raises InputError for options that it does not have."""
    settled = ["--checkpoint", str(checkpoint), POLICIES[policy].varied, point_text(point)]
    for option in options:
        if option.partition("=")[0] in (*settled[::2], "--corpus", "--bf16", SOURCE_LANG):
            raise InputError("--run", "options that are set nowhere else", option,
                             "The operating point stands behind the colon; checkpoint, corpus, language and precision "
                             "are the same for all.")
    return agent_class(policy)(read_options(policy, [*settled, *options]), system)


def read_options(policy: str, options: Sequence[str], where: str = "--run") -> Namespace:
    """The arguments of a policy's agent; InputError, which names `where` they stand, for options it does not have."""
    parser = _Parser(prog=policy, add_help=False, allow_abbrev=False)
    parser.where = where
    agent_class(policy).add_args(parser)
    return parser.parse_args(options)


def point_text(point: float) -> str:
    """An operating point as options take it: all digits, and no point where there is nothing behind it."""
    return repr(int(point) if point == int(point) else point)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text) or [""]
    except ValueError as error:
        raise InputError("--run", FORM, f"{text!r} ({error})", "Close the quotation.") from error


def _is_number(text: str) -> bool:
    return len(text) <= _LONGEST_POINT and plain_whole(text.replace(".", "", 1)) is not None


class _Parser(ArgumentParser):
    where = ""  # the options stand

    def error(self, message: str) -> None:  # type: ignore[override]  # argparse ends the program here
        usage = " ".join(self.format_usage().split())
        raise InputError(self.where, f"options of the {self.prog} agent", message, usage)
