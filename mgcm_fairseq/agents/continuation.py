"""Greedy decoding by whole words: what a simultaneous agent may add to a hypothesis that cannot be taken back."""

from typing import NamedTuple

import torch
from torch import Tensor

from mgcm_fairseq.agents.system import System
from mgcm_fairseq.modules.attention import Cache
from mgcm_fairseq.modules.encoder import Memory

MAX_PIECES = 200  # of a hypothesis; fairseq-generate's default --max-len-b


class Continuation(NamedTuple):
    """Pieces that follow a prefix."""

    pieces: list[int]
    ended: bool  # whether </s> followed them, or the hypothesis reached MAX_PIECES


class WordDecoder:
    """Extends a prefix of pieces by one word, or to the end of the sentence."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.tag = system.vocabulary.tag(system.corpus.tgt_lang)
        pieces = system.vocabulary.pieces
        self.starts_word = torch.tensor([piece.startswith("▁") for piece in pieces])
        punctuation = torch.tensor([not any(char.isalnum() for char in piece) for piece in pieces])
        self.extends_word = ~(self.starts_word | punctuation)
        self.extends_word[[system.vocabulary.eos, system.vocabulary.unk]] = False

    @torch.inference_mode()
    def encode(self, waveform: Tensor) -> Memory:
        """Encoder states of (N,) samples at 16 kHz."""
        parameter = self.system.network.decoder.embedding.weight
        batch = waveform.to(parameter).unsqueeze(0)
        return self.system.network.encoder.speech(batch, torch.tensor([len(waveform)], device=parameter.device))

    @torch.inference_mode()
    def extend(self, prefix: list[int], memory: Memory, to_end: bool) -> Continuation:
        """The next word under `memory`, or with `to_end` all pieces up to </s>.

        Before the end of the source </s> may not be chosen. A word written earlier is never lengthened; punctuation
        may still follow it, in front of the next word or at the end.
        """
        cache: Cache = {}
        tokens = [self.tag, *prefix]
        added: list[int] = []
        while len(prefix) + len(added) < MAX_PIECES:
            scores = self._scores(tokens, memory, cache)
            if not added and prefix:
                scores[self.extends_word] = -torch.inf
            if not to_end or not (prefix or added):
                scores[self.system.vocabulary.eos] = -torch.inf
            piece = int(scores.argmax())
            if piece == self.system.vocabulary.eos:
                return Continuation(added, ended=True)
            if not to_end and self.starts_word[piece] and self.words(added):
                return Continuation(added, ended=False)
            added.append(piece)
            tokens = [piece]
        return Continuation(added, ended=True)

    def words(self, pieces: list[int]) -> int:
        """How many words start in `pieces`."""
        return int(self.starts_word[pieces].sum())

    def _scores(self, tokens: list[int], memory: Memory, cache: Cache) -> Tensor:
        """Logits of the next piece, on the CPU, without padding."""
        batch = torch.tensor([tokens], device=self.system.device)
        scores = self.system.network.decoder(batch, memory, cache)[0, -1].float().cpu()
        scores[self.system.vocabulary.pad] = -torch.inf
        return scores
