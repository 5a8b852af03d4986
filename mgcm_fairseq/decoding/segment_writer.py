"""Greedy decoding under wait-segment: pieces as soon as the segments that they wait for have closed."""

import torch

from mgcm_fairseq.core.policy import wait_segment_needed
from mgcm_fairseq.core.segmentation import visible_units
from mgcm_fairseq.decoding.continuation import most_pieces
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.attention import Cache
from mgcm_fairseq.modules.streaming import SpeechStream


class SegmentWriter:
    """The hypothesis of one utterance. What it writes depends on the audio and the lag, not on when it is asked.

    A piece sees what training let it see: the first k + w segments, w being what was written before it. An end of
    sentence that comes before the end of the source is taken as a wish to hear more: the piece is decided again with
    one segment more; what follows sees no less.
    """

    def __init__(self, system: System, lag: int) -> None:
        self.system = system
        self.lag = lag
        self.pieces: list[int] = []
        self.ended = False
        self._tokens = [system.tag]
        self._visible: list[int] = []  # segments that the position of each token sees
        self._least = 0
        self._cache: Cache = {}
        self._edition = 0

    @torch.inference_mode()
    def write(self, stream: SpeechStream, source_ended: bool) -> None:
        """Appends to `pieces` all that can be decided by now; at the end of the source, all up to </s>.

        A hypothesis that has as many pieces as it may have by now waits for more audio.
        """
        eos = self.system.vocabulary.eos
        while not self.ended and stream.memory.states.size(1):
            if len(self.pieces) >= most_pieces(stream.memory):
                self.ended = source_ended
                return
            needed = max(self._least, wait_segment_needed(self._written(), self.lag))
            if needed > stream.segments and not source_ended:
                return
            whole = source_ended and needed >= stream.segments
            piece = self._decide(stream, needed, whole)
            if piece == eos and not whole:
                self._least = needed + 1
                self._forget_last()
            elif piece == eos:
                self.ended = True
            else:
                self.pieces.append(piece)
                self._tokens.append(piece)
                self._least = needed

    def complete(self) -> int:
        """How many of the pieces make up words that nothing can be added to."""
        return self.system.writing.whole(len(self.pieces), self.pieces, self.ended)

    def _written(self) -> int:
        return int(self.system.network.units_written(torch.tensor([self._tokens], device=self.system.device))[0, -1])

    def _decide(self, stream: SpeechStream, needed: int, whole: bool) -> int:
        """The best next piece, for a position that sees the first `needed` segments."""
        if stream.edition != self._edition:  # the encoder's states have changed: all positions read them anew
            self._cache, self._edition = {}, stream.edition
        self._visible = [*self._visible[:len(self._tokens) - 1], needed + whole]  # whole: the last frame too
        known = self._cache["0.self.k"].size(2) if self._cache else 0
        memory = stream.memory
        visible_1U = torch.tensor([self._visible[known:]], device=self.system.device)
        mask = visible_units(memory.units, memory.lengths, visible_1U)
        tokens_1U = torch.tensor([self._tokens[known:]], device=self.system.device)
        scores = self.system.network.decoder(tokens_1U, memory, self._cache, mask)[0, -1].float().cpu()
        scores[self.system.vocabulary.pad] = -torch.inf
        if whole and not self.pieces:
            scores[self.system.vocabulary.eos] = -torch.inf
        return int(scores.argmax())

    def _forget_last(self) -> None:
        for name, value in self._cache.items():
            if ".self." in name:
                self._cache[name] = value[:, :, :-1]
