"""Where a sentence of a talk begins and ends, and what speech the stream forgets then."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mgcm_fairseq.core.history import edge_before, edge_behind, silence_before, silence_behind
from mgcm_fairseq.decoding.bounds import Bounds
from mgcm_fairseq.decoding.looking import attention, default_attention_layer
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.onsets import Onsets
from mgcm_fairseq.modules.source import Memory
from mgcm_fairseq.modules.streaming import SpeechStream


class Rollover:
    """Of one system, under the bounds of a sentence."""

    def __init__(self, system: System, bounds: Bounds) -> None:
        self.system = system
        self.bounds = bounds
        self.layer = default_attention_layer(len(system.network.decoder.layers))
        self.most_frames = int(bounds.memory_ms / system.frame_ms)
        self.pause = int(bounds.pause_ms / system.frame_ms)  # frames

    def onsets(self) -> Onsets | None:
        """What finds where a stream says something; None where CTC was not trained, or pauses are of no account."""
        heads = self.system.network.ctc
        if heads is None or not self.pause or not heads.piece_bias.any():
            return None
        return Onsets(heads, torch.tensor(self.system.vocabulary.spoken, device=self.system.device))

    def is_full(self, memory: Memory) -> bool:
        """Whether the decoder attends to as much as it may."""
        return memory.states.size(1) > self.most_frames

    def begins(self, stream: SpeechStream, in_memory: bool = False) -> bool:
        """Forgets the silence before a sentence. Whether something is said in what is left, or `in_memory`: in the
        segments that have closed alone."""
        said_T, edges_T = self._said(stream)
        if stream.said is None or said_T is None:
            return True
        silent = silence_before(edges_T, said_T)
        if silent:
            stream.forget(silent)
        return bool(said_T.any() if in_memory else stream.said.any())

    def pauses(self, stream: SpeechStream) -> bool:
        """Whether nothing has been said for so long that the sentence is over."""
        said_T, edges_T = self._said(stream)
        return said_T is not None and silence_behind(edges_T, said_T) >= self.pause

    def _said(self, stream: SpeechStream) -> tuple[Tensor | None, Tensor]:
        """Where something is said, and where segments end, in the (T,) frames of the memory; on the CPU."""
        closed = stream.memory.states.size(1)
        said_T = None if stream.said is None else stream.said[0, :closed].cpu()
        return said_T, stream.decided.boundaries[0, :closed].cpu()

    def forget_sentence(self, stream: SpeechStream, pieces: Sequence[int], memory: Memory) -> bool:
        """Forgets the speech of a sentence that is over: up to the end of the segment that its last piece attends to
        most, for a sentence of nothing the first segment.

        Args:
            stream: of the talk.
            pieces: of the sentence.
            memory: the frames that the last piece saw, from those of the stream's memory on.

        Returns:
            False, and nothing is forgotten, while that segment has not closed.
        """
        frame = 0
        if pieces:
            frame = int(attention(self.system, pieces[:-1], pieces[-1:], memory, self.layer)[0].argmax())
        closed = stream.memory.states.size(1)
        if frame >= closed:
            return False
        stream.forget(edge_behind(stream.decided.boundaries[0, :closed].cpu(), frame))
        return True

    def forget_all_but(self, stream: SpeechStream, before: Sequence[int], kept: Sequence[int], memory: Memory) -> bool:
        """Forgets the speech before the earliest frame that one of the pieces kept attends to most (StreamAtt, Papi et
        al. 2024, arXiv 2406.03049), and of what is left all that exceeds half of what a sentence may hold.

        Returns:
            False, and nothing is forgotten, where that would be speech behind what the last piece attends to.
        """
        closed = stream.memory.states.size(1)
        if not kept:
            return False
        frames = attention(self.system, before, kept, memory, self.layer).argmax(1).tolist()
        edges_T = stream.decided.boundaries[0, :closed].cpu()
        least = max(0, closed - self.most_frames // 2)
        used = max(edge_before(edges_T, min(*frames, closed)), edge_behind(edges_T, least - 1) if least else 0)
        if used > frames[-1] + 1:
            return False
        stream.forget(used)
        return True
