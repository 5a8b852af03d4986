"""The agents that a server offers, by the names of their runs, all over one checkpoint in memory."""

from collections.abc import Sequence
from pathlib import Path

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.agents.choice import build_agent, point_text, read_choice
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.agent_options import LONG_FORM, is_given
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.decoding.trained_length import lacking_training


class Runs:
    """What is said by --run, `POLICY:POINT,... [OPTIONS]`: a run for each operating point."""

    def __init__(self, texts: Sequence[str], checkpoint: Path, system: System) -> None:
        """Builds each agent once, so that what does not fit is an InputError now, and warms it up.

        `texts`: none for a usual policy.
        """
        self.system = system
        self.checkpoint = checkpoint
        self._known: dict[str, tuple[str, float, list[str]]] = {}
        for text in texts or ["wait-segment:3" if system.phase.segmented else "wait-k:3"]:
            name, policy, points, options = read_choice(text)
            for point in points:
                run = " ".join([f"{name or policy}:{point_text(point)}", *([] if name else options)])
                if run in self._known:
                    raise InputError("--run", "runs of different names", f"{run} twice",
                                     "Put a name in front: NAME=POLICY:POINT.")
                talks = [] if is_given(LONG_FORM, options) else [LONG_FORM]
                self._known[run] = policy, point, [*options, *talks]
                self.agent(run).warm_up()

    @property
    def names(self) -> list[str]:
        return list(self._known)

    def said(self) -> list[str]:
        """What the user should know of the model under any of the runs, each once."""
        return list(dict.fromkeys(filter(None, (lacking_training(self.system, options)
                                                for _, _, options in self._known.values()))))

    def agent(self, name: str) -> SystemAgent:
        policy, point, options = self._known[name]
        return build_agent(policy, point, options, self.checkpoint, self.system)
