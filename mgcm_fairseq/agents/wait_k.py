"""SimulEval agent: wait-k over words with a fixed pre-decision step.

Word t is decoded from exactly its first (k + t - 1) steps of audio, so the text does not depend on
--source-segment-size; only the delays do, since a word cannot leave before the segment that completes its step.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable

import torch
from simuleval.utils import entrypoint

from mgcm_fairseq.agents import long_form
from mgcm_fairseq.agents.base import SystemAgent, SystemStates, samples_of_step
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.policy import wait_k_source
from mgcm_fairseq.decoding.continuation import WordDecoder
from mgcm_fairseq.decoding.prefixes import Prefixes
from mgcm_fairseq.decoding.rollover import Rollover
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.source import Memory
from mgcm_fairseq.modules.streaming import SpeechStream


class WaitKStates(SystemStates):
    """SimulEval's states and the hypothesis in pieces."""

    def reset(self) -> None:
        super().reset()
        self.pieces: list[int] = []
        self.seen: list[int] = []  # frames of the talk that there were when each piece was written
        self.words = 0  # of this sentence
        self.silence_until = 0  # samples before which nothing was said, of those that the memory holds
        self.ends = 0  # how often in a row </s> was the best next piece
        self.prefixes: Prefixes | None = None

    def speech(self) -> SpeechStream | None:
        return self.prefixes.stream if self.prefixes else None


@entrypoint
class WaitKAgent(SystemAgent):
    """Writes word t once k + t - 1 steps of audio have been read, and the rest at the end of the source."""

    def __init__(self, args: Namespace, system: System | None = None) -> None:
        if args.wait_k < 1:
            raise InputError("--wait-k", "k of at least 1", str(args.wait_k), "Correct the option.")
        super().__init__(args, system)
        self.lag = args.wait_k
        self.decoder = WordDecoder(self.system)
        self.shortest = self.system.network.encoder.front_end.receptive_field
        self.step = samples_of_step(args.step_ms, self.shortest)
        self.rollover = long_form.rollover(args, self.system, args.wait_k * args.step_ms)

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        SystemAgent.add_args(parser)
        parser.add_argument("--wait-k", type=int, required=True, metavar="K",
                            help="pre-decision steps to read before the first word")
        parser.add_argument("--step-ms", type=int, default=320, metavar="MS",
                            help="length of a pre-decision step in ms; about one spoken word")

    def build_states(self) -> WaitKStates:
        return WaitKStates()

    @torch.inference_mode()
    def write(self, states: WaitKStates) -> str:
        available = len(states.source)
        written: list[str] = []
        while (needed := self._needed(states)) < available or (needed == available and not states.source_finished):
            memory = self._encode(states, needed)
            if self.rollover is not None and not states.pieces and self._passes_silence(states, self.rollover):
                continue
            full = self.rollover is not None and self._ends(states, self.rollover)
            written.append(self._extend(states, memory, to_end=full))  # what is forgotten then is never heard again
            if self.rollover is not None:
                self._begin_sentence_if_over(states, self.rollover, full)
        if states.source_finished and available >= self.shortest:
            memory = self._encode(states, available, ended=self.rollover is None)
            memories: Iterable[Memory] = [memory] if self.rollover is None else \
                self.rollover.rest(Prefixes.stream_of(states.prefixes), states)
            written += (self._extend(states, rest, to_end=True) for rest in memories)
        return self.system.writing.joined(written)

    def _needed(self, states: WaitKStates) -> int:
        """Samples of the source that the next word waits for."""
        needed, prefixes = wait_k_source(states.words, self.lag, self.step), states.prefixes
        if prefixes is None:
            return needed
        return max(max(prefixes.forgotten_samples, states.silence_until) + needed, prefixes.heard)

    def _encode(self, states: WaitKStates, samples: int, ended: bool = False) -> Memory:
        states.prefixes = states.prefixes or Prefixes(self.system, self.rollover.ear() if self.rollover else None)
        return states.prefixes.encode(states.source, samples, ended)

    def _extend(self, states: WaitKStates, memory: Memory, to_end: bool) -> str:
        """Appends the next word, or all that is left, as decoded from a memory.

        Where the hypothesis has as many pieces as it may have by now, the turn of a word passes.
        """
        continuation = self.decoder.extend(states.pieces, memory, to_end, self.rollover is not None)
        writing = self.system.writing
        text = writing.text(continuation.pieces, states.pieces)
        states.words += max(sum(writing.starts(continuation.pieces, states.pieces)), continuation.ended)
        states.pieces += continuation.pieces
        states.seen += [states.prefixes.frames if states.prefixes else 0] * len(continuation.pieces)
        states.ends = 0 if continuation.pieces else states.ends + continuation.ended
        return text

    def _passes_silence(self, states: WaitKStates, rollover: Rollover) -> bool:
        """Whether a sentence has to wait for speech; its first word then waits for its lag behind the silence."""
        stream = Prefixes.stream_of(states.prefixes)
        passed = rollover.pass_silence(stream)
        heard = states.prefixes.heard if states.prefixes else 0
        if rollover.speaks(stream):
            states.silence_until = rollover.speech_start(stream) * self.system.network.encoder.frame_samples
        else:
            states.silence_until = heard - (self.lag - 1) * self.step  # asks again in a step
        waits = states.silence_until + wait_k_source(states.words, self.lag, self.step) > heard
        return passed or waits

    def _ends(self, states: WaitKStates, rollover: Rollover) -> bool:
        """Whether all that was heard is to be translated now: nothing more is said, or no more may be held."""
        stream = Prefixes.stream_of(states.prefixes)
        return rollover.is_full(stream.memory) or rollover.pauses(stream)

    def _begin_sentence_if_over(self, states: WaitKStates, rollover: Rollover, full: bool) -> None:
        stream = Prefixes.stream_of(states.prefixes)
        over = full or states.ends >= rollover.bounds.patience or len(states.pieces) > rollover.bounds.pieces
        if over and rollover.forget_sentence(stream, states.pieces, states.seen, stream.whole()):
            states.pieces, states.seen, states.words, states.ends = [], [], 0, 0
