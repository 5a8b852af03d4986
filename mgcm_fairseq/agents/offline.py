"""SimulEval agent: translates once the source has ended, to give the quality that simultaneous policies aim at."""

from argparse import ArgumentParser, Namespace

import torch
from simuleval.agents.states import AgentStates
from simuleval.utils import entrypoint

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.agents.beam import BeamSearch
from mgcm_fairseq.agents.system import System
from mgcm_fairseq.data.errors import InputError


@entrypoint
class OfflineAgent(SystemAgent):
    """fairseq-generate's search over the whole utterance."""

    def __init__(self, args: Namespace, system: System | None = None) -> None:
        if args.beam < 1:
            raise InputError("--beam", "a beam of at least 1", str(args.beam), "Correct the option.")
        super().__init__(args, system)
        self.search = BeamSearch(self.system, args.beam)

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        SystemAgent.add_args(parser)
        parser.add_argument("--beam", type=int, default=1, metavar="N", help="hypotheses kept in search; 1 is greedy")

    def write(self, states: AgentStates) -> str:
        if not states.source_finished or len(states.source) < self.system.network.encoder.front_end.receptive_field:
            return ""
        memory = self.system.encode(torch.tensor(states.source))
        return self.system.vocabulary.decode(self.search.best([], memory).pieces)
