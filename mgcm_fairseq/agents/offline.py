"""SimulEval agent: translates once the source has ended, to give the quality that simultaneous policies aim at."""

from argparse import ArgumentParser, Namespace

import torch
from simuleval.utils import entrypoint

from mgcm_fairseq.agents.base import SystemAgent, SystemStates
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.agent_options import LONG_FORM
from mgcm_fairseq.decoding.beam import BeamSearch
from mgcm_fairseq.decoding.system import System


@entrypoint
class OfflineAgent(SystemAgent):
    """fairseq-generate's search over the whole utterance."""

    def __init__(self, args: Namespace, system: System | None = None) -> None:
        super().__init__(args, system)
        if args.long_form and not self.new_talk:
            raise InputError(LONG_FORM, "a policy that translates while a sentence is spoken", "offline",
                             "Take another policy, or --sentences pauses.")
        self.search = BeamSearch(self.system, args.beam)

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        SystemAgent.add_args(parser)
        BeamSearch.add_args(parser)

    def write(self, states: SystemStates) -> str:
        heard = len(states.source)
        if not states.source_finished or heard < self.system.network.encoder.front_end.receptive_field:
            return ""
        memory = self.system.encode(torch.tensor(states.source.between(0, heard)))
        return self.system.writing.text(self.search.best([], memory).pieces)
