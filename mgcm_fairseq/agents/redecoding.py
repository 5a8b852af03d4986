"""What policies for offline checkpoints share: at every step all audio is translated anew, and what is sure is written.

A step is a fixed amount of audio, and each step's words are put into text by themselves, so the text does not depend on
--source-segment-size. Words that were written are a prefix that later translations keep; at the end of the source all
that is left is written.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence

import torch

from mgcm_fairseq.agents import long_form
from mgcm_fairseq.agents.base import SystemAgent, SystemStates, complete_steps, samples_of_step
from mgcm_fairseq.core.history import last_words
from mgcm_fairseq.decoding.beam import BeamSearch, Hypothesis
from mgcm_fairseq.decoding.prefixes import Prefixes
from mgcm_fairseq.decoding.rollover import Rollover
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.source import Memory
from mgcm_fairseq.modules.streaming import IncrementalStream, SpeechStream

SPARE_PIECES = 10  # beyond one a frame: what a translation of unfinished speech may have, lest it go round in circles


class RedecodingStates(SystemStates):
    """SimulEval's states, what was written and what was thought."""

    def reset(self) -> None:
        super().reset()
        self.pieces: list[int] = []
        self.seen: list[int] = []  # frames of the talk that there were when each piece was written
        self.prefixes: Prefixes | None = None
        self.heard = 0  # samples of all steps so far
        self.earlier: list[list[int]] = []  # whole hypotheses of the last steps, the latest at the end

    def speech(self) -> SpeechStream | None:
        return self.prefixes.stream if self.prefixes else None

    def begin_sentence(self, kept: Sequence[int]) -> None:
        """Goes on behind the pieces that are kept."""
        dropped = len(self.pieces) - len(kept)
        self.pieces, self.seen = list(kept), self.seen[dropped:]
        self.earlier = [pieces[dropped:] for pieces in self.earlier] if kept else []


class RedecodingAgent(SystemAgent):
    """Leaves to its heirs which part of a translation is sure."""

    def __init__(self, args: Namespace, system: System | None = None) -> None:
        super().__init__(args, system)
        self.search = BeamSearch(self.system, args.beam)
        self.shortest = self.system.network.encoder.front_end.receptive_field
        self.step = samples_of_step(args.step_ms, self.shortest)
        self.rollover = long_form.rollover(args, self.system, args.step_ms, patient=False)

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        SystemAgent.add_args(parser)
        parser.add_argument("--step-ms", type=int, default=320, metavar="MS",
                            help="audio between two translations, in ms; about one spoken word")
        BeamSearch.add_args(parser)

    def build_states(self) -> RedecodingStates:
        return RedecodingStates()

    @torch.inference_mode()
    def write(self, states: RedecodingStates) -> str:
        texts = []
        for heard in complete_steps(states, states.heard, self.step):
            texts.append(self._sure(states, heard))
            states.heard = heard
        if states.source_finished and len(states.source) >= self.shortest:
            memory = self._encode(states, len(states.source), ended=self.rollover is None)
            texts += self._rest(states, memory)
        return self.system.writing.joined(texts)

    def stable(self, states: RedecodingStates, hypothesis: Hypothesis, memory: Memory) -> int:
        """How many pieces of the hypothesis, which follows states.pieces, are sure."""
        raise NotImplementedError  # each policy has its own

    def _sure(self, states: RedecodingStates, heard: int) -> str:
        """What the first `heard` samples add to what was written."""
        memory = self._encode(states, heard)
        if self.rollover is not None:
            return self._sure_of_talk(states, memory, self.rollover)
        hypothesis = self.search.best(states.pieces, memory, SPARE_PIECES + memory.frames)
        return self._write(states, hypothesis, self.stable(states, hypothesis, memory))

    def _write(self, states: RedecodingStates, hypothesis: Hypothesis, sure: int) -> str:
        """The whole words among the pieces that are sure."""
        count = self.system.writing.whole(sure, hypothesis.pieces, hypothesis.ended, states.pieces)
        text = self.system.writing.text(hypothesis.pieces[:count], states.pieces)
        states.pieces += hypothesis.pieces[:count]
        states.seen += [states.prefixes.frames if states.prefixes else 0] * count
        return text

    def _sure_of_talk(self, states: RedecodingStates, memory: Memory, rollover: Rollover) -> str:
        """The same of a talk, in which </s> may be sure, too: then the sentence is over."""
        stream = Prefixes.stream_of(states.prefixes)
        if not states.pieces:
            passed = rollover.pass_silence(stream)
            if not rollover.speaks(stream):
                return ""
            memory = stream.whole() if passed else memory
        best = self.search.best(states.pieces, memory, SPARE_PIECES + memory.frames, may_be_empty=True)
        ends = [self.system.vocabulary.eos] if best.ended else []
        sure, before = self.stable(states, Hypothesis([*best.pieces, *ends], best.ended), memory), len(states.pieces)
        texts = [self._write(states, best, min(sure, len(best.pieces)))]
        over, pauses = sure > len(best.pieces), rollover.pauses(stream)
        full = rollover.is_full(stream.memory) or len(states.pieces) > rollover.bounds.pieces
        if not over and (pauses or (full and not self._keep_last_words(states, stream, memory, rollover))):
            rest = Hypothesis(best.pieces[len(states.pieces) - before:], True)
            texts.append(self._write(states, rest, len(rest.pieces)))
            over = True
        if over and rollover.forget_sentence(stream, states.pieces, states.seen, memory):
            states.begin_sentence([])
        return self.system.writing.joined(texts)

    def _keep_last_words(self, states: RedecodingStates, stream: IncrementalStream, memory: Memory,
                         rollover: Rollover) -> bool:
        """Goes on with the last words alone; False where speech would be forgotten that is not translated yet."""
        behind = len(states.pieces) - last_words(self.system.writing.starts(states.pieces), rollover.bounds.words)
        if not rollover.forget_all_but(stream, states.pieces[:behind], states.pieces[behind:], memory):
            return False
        states.begin_sentence(states.pieces[behind:])
        return True

    def _rest(self, states: RedecodingStates, memory: Memory) -> Iterator[str]:
        """The text of what is left once the source has ended; of a talk sentence after sentence."""
        if self.rollover is None:
            yield self.system.writing.text(self.search.best(states.pieces, memory).pieces, states.pieces)
            return
        for of_sentence in self.rollover.rest(Prefixes.stream_of(states.prefixes), states):
            best = self.search.best(states.pieces, of_sentence, self.rollover.bounds.pieces, may_be_empty=True)
            yield self._write(states, best._replace(ended=True), len(best.pieces))

    def _encode(self, states: RedecodingStates, heard: int, ended: bool = False) -> Memory:
        states.prefixes = states.prefixes or Prefixes(self.system, self.rollover.ear() if self.rollover else None)
        return states.prefixes.encode(states.source, heard, ended)
