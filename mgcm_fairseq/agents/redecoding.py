"""What policies for offline checkpoints share: at every step all audio is translated anew, and what is sure is written.

A step is a fixed amount of audio, and each step's words are put into text by themselves, so the text does not depend on
--source-segment-size. Words that were written are a prefix that later translations keep; at the end of the source all
that is left is written.
"""

from argparse import ArgumentParser, Namespace

from mgcm_fairseq.agents.base import SystemAgent, SystemStates, complete_steps, samples_of_step
from mgcm_fairseq.decoding.beam import BeamSearch, Hypothesis
from mgcm_fairseq.decoding.prefixes import Prefixes
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.source import Memory

SPARE_PIECES = 10  # beyond one a frame: what a translation of unfinished speech may have, lest it go round in circles


class RedecodingStates(SystemStates):
    """SimulEval's states, what was written and what was thought."""

    def reset(self) -> None:
        super().reset()
        self.pieces: list[int] = []
        self.prefixes: Prefixes | None = None
        self.heard = 0  # samples of all steps so far
        self.earlier: list[list[int]] = []  # whole hypotheses of the last steps, the latest at the end


class RedecodingAgent(SystemAgent):
    """Leaves to its heirs which part of a translation is sure."""

    def __init__(self, args: Namespace, system: System | None = None) -> None:
        super().__init__(args, system)
        self.search = BeamSearch(self.system, args.beam)
        self.shortest = self.system.network.encoder.front_end.receptive_field
        self.step = samples_of_step(args.step_ms, self.shortest)

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        SystemAgent.add_args(parser)
        parser.add_argument("--step-ms", type=int, default=320, metavar="MS",
                            help="audio between two translations, in ms; about one spoken word")
        BeamSearch.add_args(parser)

    def build_states(self) -> RedecodingStates:
        return RedecodingStates()

    def write(self, states: RedecodingStates) -> str:
        texts = []
        for heard in complete_steps(states, states.heard, self.step):
            texts.append(self._sure(states, heard))
            states.heard = heard
        if states.source_finished and len(states.source) >= self.shortest:
            memory = self._encode(states, len(states.source))
            texts.append(self.system.writing.text(self.search.best(states.pieces, memory).pieces, states.pieces))
        return self.system.writing.joined(texts)

    def stable(self, states: RedecodingStates, hypothesis: Hypothesis, memory: Memory) -> int:
        """How many pieces of the hypothesis, which follows states.pieces, are sure."""
        raise NotImplementedError

    def _sure(self, states: RedecodingStates, heard: int) -> str:
        """What the first `heard` samples add to what was written."""
        memory = self._encode(states, heard)
        hypothesis = self.search.best(states.pieces, memory, SPARE_PIECES + memory.states.size(1))
        sure = self.stable(states, hypothesis, memory)
        count = self.system.writing.whole(sure, hypothesis.pieces, hypothesis.ended, states.pieces)
        text = self.system.writing.text(hypothesis.pieces[:count], states.pieces)
        states.pieces += hypothesis.pieces[:count]
        return text

    def _encode(self, states: RedecodingStates, heard: int) -> Memory:
        states.prefixes = states.prefixes or Prefixes(self.system)
        return states.prefixes.encode(states.source, heard)
