"""Greedy decoding by whole words: what a simultaneous agent may add to a hypothesis that cannot be taken back."""

from typing import NamedTuple

import torch
from torch import Tensor

from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.source import Memory

MAX_PIECES = 200  # of a hypothesis of up to as many frames; fairseq-generate's default --max-len-b

MAX_WORD = 20  # pieces of a word, lest a model that goes round in circles write one of 200


class Continuation(NamedTuple):
    """Pieces that follow a prefix."""

    pieces: list[int]
    ended: bool  # whether </s> followed them, or the hypothesis reached its limit


class WordDecoder:
    """Extends a prefix of pieces by one word, or to the end of the sentence."""

    def __init__(self, system: System) -> None:
        self.system = system

    @torch.inference_mode()
    def extend(self, prefix: list[int], memory: Memory, to_end: bool, of_talk: bool = False) -> Continuation:
        """The next word under `memory`, or with `to_end` all pieces up to </s>.

        Before the end of the source </s> may not be chosen, unless the sentence is one of a talk, which may be empty,
        too. A word written earlier is never lengthened; punctuation may still follow it, in front of the next word or
        at the end.
        """
        writing = self.system.writing
        cache = Cache()
        tokens = [self.system.tag, *prefix]
        added: list[int] = []
        while len(prefix) + len(added) < most_pieces(memory):
            scores = self._scores(tokens, memory, cache)
            if not added and prefix:
                scores[writing.lengthening(prefix)] = -torch.inf
            if not of_talk and (not to_end or not (prefix or added)):
                scores[self.system.vocabulary.eos] = -torch.inf
            piece = int(scores.argmax())
            if piece == self.system.vocabulary.eos:
                return Continuation(added, ended=True)
            starts = writing.starts([*added, piece], prefix)
            if not to_end and ((starts[-1] and any(starts[:-1])) or len(added) == MAX_WORD):
                return Continuation(added, ended=False)
            added.append(piece)
            tokens = [piece]
        return Continuation(added, ended=True)

    def _scores(self, tokens: list[int], memory: Memory, cache: Cache) -> Tensor:
        """Logits of the next piece, on the CPU, without padding."""
        batch = torch.tensor([tokens], device=self.system.device)
        scores = self.system.network.decoder(batch, memory, cache)[0, -1].float().cpu()
        scores[self.system.vocabulary.pad] = -torch.inf
        return scores


def most_pieces(memory: Memory) -> int:
    """Of a hypothesis: as many as fairseq-generate allows, in longer audio one a frame, so that no tail is lost."""
    return max(MAX_PIECES, memory.frames)
