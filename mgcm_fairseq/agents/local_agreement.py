"""SimulEval agent: local agreement, which writes what the translations of the last steps have in common (LA-n).

Liu et al. 2020 (arXiv 2005.11185), Polák et al. 2022 (arXiv 2204.06028). Works with any checkpoint. The longer the
step, the later it writes.
"""

from argparse import ArgumentParser, Namespace

from simuleval.utils import entrypoint

from mgcm_fairseq.agents.redecoding import RedecodingAgent, RedecodingStates
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.policy import local_agreement
from mgcm_fairseq.decoding.beam import Hypothesis
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.source import Memory


@entrypoint
class LocalAgreementAgent(RedecodingAgent):
    """Writes the longest common prefix of the last n translations."""

    def __init__(self, args: Namespace, system: System | None = None) -> None:
        if args.agreeing < 2:
            raise InputError("--agreeing", "2 translations or more", str(args.agreeing), "Correct the option.")
        super().__init__(args, system)
        self.agreeing = args.agreeing

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        RedecodingAgent.add_args(parser)
        parser.add_argument("--agreeing", type=int, default=2, metavar="N",
                            help="translations that have to agree; 2 is as published")

    def stable(self, states: RedecodingStates, hypothesis: Hypothesis, memory: Memory) -> int:
        """A word that another of the translations would lengthen is not agreed on."""
        whole = [*states.pieces, *hypothesis.pieces]
        last = [*states.earlier[1 - self.agreeing:], whole]
        states.earlier = last
        if len(last) < self.agreeing:
            return 0
        common = local_agreement(last)
        agreed = min(self.system.writing.whole(common, pieces, ended=True) for pieces in last)
        return max(0, agreed - len(states.pieces))
