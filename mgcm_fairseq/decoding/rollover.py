"""Where a sentence of a talk begins and ends, and what speech the stream forgets then."""

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from mgcm_fairseq.core.history import edge_before, edge_behind, sentence_end, silence_before, silence_behind
from mgcm_fairseq.decoding.bounds import Bounds
from mgcm_fairseq.decoding.looking import attention, default_attention_layer
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.ear import END, NOTHING, ONSET, Ear
from mgcm_fairseq.modules.source import Memory
from mgcm_fairseq.modules.streaming import IncrementalStream, SpeechStream


class Sentence(Protocol):
    """What an agent has written of the sentence that it is in."""

    pieces: list[int]
    seen: list[int]  # frames of the talk that there were when each piece was written


class Rollover:
    """Ends sentences of a talk and forgets their speech, for one system."""

    def __init__(self, system: System, bounds: Bounds) -> None:
        self.system = system
        self.bounds = bounds
        self.layer = default_attention_layer(len(system.network.decoder.layers))
        self.most_frames = int(bounds.memory_ms / system.frame_ms)
        self.spoken = system.vocabulary.spoken
        self.pause = math.ceil(bounds.pause_ms / system.frame_ms)  # frames

    def ear(self) -> Ear | None:
        """What says where a stream speaks; None where CTC was not trained, or pauses are of no account."""
        heads = self.system.network.ctc
        if heads is None or not self.pause or not heads.piece_bias.any():
            return None
        return Ear(heads, torch.tensor(self.spoken, device=self.system.device), self.system.vocabulary.eos)

    def is_full(self, memory: Memory) -> bool:
        """Whether the decoder attends to as much as it may."""
        return memory.states.size(1) > self.most_frames

    def pass_silence(self, stream: SpeechStream) -> bool:
        """Forgets the silence before a sentence; whether there was any."""
        if stream.signs is None:
            return False
        signs_T, edges_T = self._closed(stream)
        silent = silence_before(edges_T, signs_T == ONSET)
        if silent:
            stream.forget(silent)
        return silent > 0

    def speaks(self, stream: SpeechStream, in_memory: bool = False) -> bool:
        """Whether something is said in what the stream still has, or `in_memory`: in its closed segments alone."""
        if stream.signs is None:
            return True
        signs_T, _ = self._closed(stream)
        return bool(((signs_T if in_memory else stream.signs) == ONSET).any())

    def speech_start(self, stream: SpeechStream) -> int:
        """Frames of the talk before the first in which something is said, of those that the stream still has."""
        if stream.signs is None:
            return stream.forgotten_frames
        onsets = (stream.signs[0] == ONSET).nonzero()
        return stream.forgotten_frames + (int(onsets[0]) if len(onsets) else 0)

    def pauses(self, stream: SpeechStream) -> bool:
        """Whether nothing has been said for so long that the sentence is over."""
        if stream.signs is None:
            return False
        signs_T, edges_T = self._closed(stream)
        return silence_behind(edges_T, signs_T == ONSET) >= self.pause

    def forget_sentence(self, stream: SpeechStream, pieces: Sequence[int], seen: Sequence[int],
                        memory: Memory) -> bool:
        """Forgets the speech of a sentence that is over, as `core.history.sentence_end` finds it; for a sentence of
        nothing the first segment.

        Args:
            stream: of the talk.
            pieces: of the sentence.
            seen: for each piece, how many frames of the talk there were for it when it was decided.
            memory: the frames that the last piece saw, from those of the stream's memory on.

        Returns:
            False, and nothing is forgotten, while the segment that ends it has not closed.
        """
        signs_T, edges_T = self._closed(stream)
        frames = self._looks(pieces, [count - stream.forgotten_frames for count in seen], memory) if pieces else [0]
        used = sentence_end(edges_T, signs_T == ONSET, signs_T == END, frames)
        if used > len(edges_T):
            return False
        stream.forget(used)
        return True

    def rest(self, stream: IncrementalStream, sentence: Sentence) -> Iterator[Memory]:
        """Once the source has ended: what the decoder attends to for the rest of the sentence, then for each behind it.

        A sentence is to be written before the next is asked for, by which its speech is forgotten.
        """
        stream.end()
        while stream.memory.states.size(1):
            if not sentence.pieces:
                self.pass_silence(stream)
                if not self.speaks(stream):
                    break
            yield stream.memory
            self.forget_sentence(stream, sentence.pieces, sentence.seen, stream.memory)
            sentence.pieces, sentence.seen = [], []

    def _closed(self, stream: SpeechStream) -> tuple[Tensor, Tensor]:
        """What CTC hears in the (T,) frames of the memory, and which of these end a segment; on the CPU."""
        closed = stream.memory.states.size(1)
        signs_1T = torch.full((1, closed), NOTHING) if stream.signs is None else stream.signs
        return signs_1T[0, :closed].cpu(), stream.decided.boundaries[0, :closed].cpu()

    def _looks(self, pieces: Sequence[int], seen: Sequence[int], memory: Memory) -> list[int]:
        """The frame that each piece attends to most: of those with letters or digits, if there are any.

        Marks attend to what comes behind the sentence, too.
        """
        rows = attention(self.system, [], pieces, memory, self.layer)
        frames = [int(row[:max(1, count)].argmax()) for row, count in zip(rows, seen, strict=True)]
        return [frame for frame, piece in zip(frames, pieces, strict=True) if self.spoken[piece]] or frames

    def forget_all_but(self, stream: SpeechStream, before: Sequence[int], kept: Sequence[int], memory: Memory) -> bool:
        """Forgets the speech before the earliest frame that one of the pieces kept attends to most (StreamAtt, Papi et
        al. 2024, arXiv 2406.03049), and of what is left all that exceeds half of what a sentence may hold.

        Returns:
            False, and nothing is forgotten, where that would be speech behind what the last piece attends to.
        """
        closed = stream.memory.states.size(1)
        if not kept:
            return False
        frames = [most_attended(row) for row in attention(self.system, before, kept, memory, self.layer)]
        edges_T = stream.decided.boundaries[0, :closed].cpu()
        least = max(0, closed - self.most_frames // 2)
        used = max(edge_before(edges_T, min(*frames, closed)), edge_behind(edges_T, least - 1) if least else 0)
        if used > frames[-1] + 1:
            return False
        stream.forget(used)
        return True


def most_attended(row_T: Tensor) -> int:
    """The frame with the most attention of those between the first and the last, if there are any.

    On these two attention gathers whatever is written (EDAtt, arXiv 2212.07850, for the last ones).
    """
    return 1 + int(row_T[1:-1].argmax()) if len(row_T) > 2 else int(row_T.argmax())
