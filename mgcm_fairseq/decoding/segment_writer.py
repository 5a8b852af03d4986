"""Greedy decoding under wait-segment: pieces as soon as the segments that they wait for have closed."""

import torch

from mgcm_fairseq.core.policy import wait_segment_needed
from mgcm_fairseq.core.segmentation import visible_units
from mgcm_fairseq.decoding.continuation import most_pieces
from mgcm_fairseq.decoding.rollover import Rollover
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.streaming import SpeechStream


class SegmentWriter:
    """The hypothesis of one utterance. What it writes depends on the audio and the lag, not on when it is asked.

    A piece sees what training let it see: the first k + w segments, w being what was written before it. An end of
    sentence that comes before the end of the source makes the writer hear one segment more and decide the piece again;
    what follows sees no less.

    With bounds the source is a talk. Where an end of sentence comes again and again, or a bound is reached, the
    sentence is over: the next begins with the segment behind those that it used, and knows nothing of what lies before.
    It is over, too, where nothing is said for a while, and the next does not begin before something is said.
    """

    def __init__(self, system: System, lag: int, rollover: Rollover | None = None) -> None:
        self.system = system
        self.lag = lag
        self.rollover = rollover
        self.ended = False
        self._cache = Cache()
        self._edition = 0  # of the stream's memory that the cache was made of
        self._begin()

    def _begin(self) -> None:
        self.pieces: list[int] = []  # of this sentence
        self.sent = 0  # of these
        self._tokens = [self.system.tag]
        self._visible: list[int] = []  # segments that the position of each token sees
        self._least = 0
        self._ends = 0  # how often </s> was the best next piece

    @torch.inference_mode()
    def write(self, stream: SpeechStream, source_ended: bool) -> str:
        """Decides all that can be decided by now, at the end of the source all that is left; the text that is due.

        A hypothesis that has as many pieces as it may have by now waits for more audio.
        """
        texts = []
        while not self.ended and stream.memory.states.size(1):
            rollover = self.rollover
            if rollover is not None and not self.pieces:
                if rollover.pass_silence(stream):
                    self._begin()
                if not rollover.speaks(stream, in_memory=True):
                    break
            full = rollover is not None and (rollover.is_full(stream.memory) or rollover.pauses(stream))
            if len(self.pieces) >= (most_pieces(stream.memory) if rollover is None else rollover.bounds.pieces):
                if rollover is None:
                    self.ended = source_ended
                    break
                texts.append(self._begin_sentence(stream, rollover))
                continue
            closed, ending = stream.segments - stream.decided.forgotten_segments, source_ended or full
            needed = max(self._least, wait_segment_needed(self._written(), self.lag))
            if needed > closed and not ending:
                break
            whole = ending and needed >= closed
            piece = self._decide(stream, needed, whole)
            if piece != self.system.vocabulary.eos:
                self.pieces.append(piece)
                self._tokens.append(piece)
                self._least, self._ends = needed, 0
            elif rollover is not None and (whole or self._ends + 1 == rollover.bounds.patience):
                texts.append(self._begin_sentence(stream, rollover))
            elif whole:
                self.ended = True
            else:
                self._least, self._ends = needed + 1, self._ends + 1
                self._forget_last()
        return self.system.writing.joined([*texts, self._due(self.ended)])

    def _due(self, over: bool) -> str:
        """The words that nothing can be added to, but for those that were due before."""
        count = self.system.writing.whole(len(self.pieces), self.pieces, over)
        text = self.system.writing.text(self.pieces[self.sent:count], self.pieces[:self.sent])
        self.sent = count
        return text

    def _begin_sentence(self, stream: SpeechStream, rollover: Rollover) -> str:
        """Ends this sentence and forgets its speech, a segment at least; the last of its text."""
        text, memory = self._due(True), stream.memory
        units_T = memory.units[0] - stream.decided.forgotten_segments
        seen = [int((units_T < visible).sum()) for visible in self._visible[:len(self.pieces)]]
        rollover.forget_sentence(stream, self.pieces, [stream.forgotten_frames + count for count in seen],
                                 memory.first(max(seen)) if seen else memory)
        self._begin()
        return text

    def _written(self) -> int:
        return int(self.system.network.units_written(torch.tensor([self._tokens], device=self.system.device))[0, -1])

    def _decide(self, stream: SpeechStream, needed: int, whole: bool) -> int:
        """The best next piece, for a position that sees the first `needed` segments."""
        if stream.edition != self._edition:  # the encoder's states have changed: all positions read them anew
            self._cache, self._edition = Cache(), stream.edition
        self._visible = [*self._visible[:len(self._tokens) - 1], needed + whole]  # whole: the last frame too
        known = self._cache["0.self.k"].size(2) if self._cache else 0
        memory = stream.memory
        visible_1U = torch.tensor([self._visible[known:]], device=self.system.device)
        mask = visible_units(memory.units - stream.decided.forgotten_segments, memory.lengths, visible_1U)
        tokens_1U = torch.tensor([self._tokens[known:]], device=self.system.device)
        scores = self.system.network.decoder(tokens_1U, memory, self._cache, mask)[0, -1].float().cpu()
        scores[self.system.vocabulary.pad] = -torch.inf
        if whole and not self.pieces and self.rollover is None:
            scores[self.system.vocabulary.eos] = -torch.inf
        return int(scores.argmax())

    def _forget_last(self) -> None:
        for name, value in self._cache.items():
            if ".self." in name:
                self._cache[name] = value[:, :, :-1]
