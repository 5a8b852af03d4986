"""SimulEval agent: wait-k over words with a fixed pre-decision step.

Word t is decoded from exactly its first (k + t - 1) steps of audio, so the text does not depend on
--source-segment-size; only the delays do, since a word cannot leave before the segment that completes its step.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import torch
from simuleval.agents import SpeechToTextAgent
from simuleval.agents.actions import Action, ReadAction, WriteAction
from simuleval.agents.states import AgentStates
from simuleval.utils import entrypoint

from mgcm_fairseq.agents.continuation import WordDecoder
from mgcm_fairseq.agents.source import check_source
from mgcm_fairseq.agents.system import load_system
from mgcm_fairseq.core.policy import wait_k_source
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.errors import InputError


class WaitKStates(AgentStates):
    """SimulEval's states and the hypothesis in pieces."""

    def reset(self) -> None:
        super().reset()
        self.pieces: list[int] = []
        self.words = 0


@entrypoint
class WaitKAgent(SpeechToTextAgent):
    """Writes word t once k + t - 1 steps of audio have been read, and the rest at the end of the source."""

    def __init__(self, args: Namespace) -> None:
        super().__init__(args)
        if args.wait_k < 1:
            raise InputError("--wait-k", "k of at least 1", str(args.wait_k), "Correct the option.")
        self.lag = args.wait_k
        self.step = args.step_ms * SAMPLE_RATE // 1000
        self.system = load_system(args.checkpoint, args.corpus)
        self.decoder = WordDecoder(self.system)
        self.shortest = self.system.network.encoder.front_end.receptive_field
        if self.step < self.shortest:
            raise InputError("--step-ms", f"a step of at least the front end's {self.shortest} samples",
                             f"{self.step} samples", "Pass a longer step.")

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        parser.add_argument("--checkpoint", type=Path, required=True, help="trained simul_st checkpoint")
        parser.add_argument("--corpus", type=Path, metavar="DIR",
                            help="folder with config.yaml and vocabulary; default: the one trained on")
        parser.add_argument("--wait-k", type=int, required=True, metavar="K",
                            help="pre-decision steps to read before the first word")
        parser.add_argument("--step-ms", type=int, default=320, metavar="MS",
                            help="length of a pre-decision step in ms; about one spoken word")

    def build_states(self) -> WaitKStates:
        return WaitKStates()

    def to(self, device: str, *args: Any, fp16: bool = False, **kwargs: Any) -> None:
        """Moves the network; fp16 halves it."""
        self.system.network.to(device=device, dtype=torch.float16 if fp16 else None)

    def policy(self, states: WaitKStates | None = None) -> Action:
        """One WriteAction with all words that are due, or a ReadAction."""
        states = states or self.states
        check_source(states)
        available = len(states.source)
        written: list[str] = []
        while (needed := wait_k_source(states.words, self.lag, self.step)) <= available or states.source_finished:
            at_end = states.source_finished and needed >= available
            text, ended = self._write(states, min(needed, available), at_end)
            written.append(text)
            if ended:
                break
        text = " ".join(filter(None, written))
        return WriteAction(text, finished=states.source_finished) if text or states.source_finished else ReadAction()

    def _write(self, states: WaitKStates, samples: int, to_end: bool) -> tuple[str, bool]:
        """Appends the next word, or all that is left, as decoded from the first `samples` samples."""
        if samples < self.shortest:
            return "", True
        memory = self.decoder.encode(torch.tensor(states.source[:samples]))
        continuation = self.decoder.extend(states.pieces, memory, to_end)
        text = self.system.vocabulary.decode(continuation.pieces)
        states.pieces += continuation.pieces
        states.words += self.decoder.words(continuation.pieces)
        return text, continuation.ended
