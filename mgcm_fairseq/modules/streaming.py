"""Encoding speech that is still being spoken: segments, which are final, as they close."""

from copy import copy
from typing import Protocol, cast

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.core.segmentation import hard_visibility, segment_ids, segments_up_to
from mgcm_fairseq.modules.attention import Cache
from mgcm_fairseq.modules.encoder import SharedEncoder
from mgcm_fairseq.modules.front_end_stream import SubsamplerStream
from mgcm_fairseq.modules.hearing import HearsInBlocks
from mgcm_fairseq.modules.segmenter import Segmenter
from mgcm_fairseq.modules.source import Memory, Source


class SpeechStream(Protocol):
    """One utterance."""

    memory: Memory  # states of the segments that have closed; at the end, of all
    segments: int  # how many these are
    edition: int  # rises when states of `memory` have changed that were there before
    decided: "Decided"

    def extend(self, samples_N: Tensor, ended: bool) -> None:
        """Hears (N,) new samples at 16 kHz; with `ended` no more follow."""


def speech_stream(encoder: SharedEncoder) -> SpeechStream:
    """A new utterance for an encoder in a segmented phase; ValueError for one without a segmenter."""
    return IncrementalStream(encoder) if encoder.front_end.block else ReencodingStream(encoder)


class Decided:
    """The boundaries of an utterance so far. A frame's is decided when the frame is first there, and does not change.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self.variant = segmenter.variant
        self.logits = segmenter.output.weight.new_zeros(1, 0)
        self.boundaries = torch.zeros(1, 0, dtype=torch.bool, device=self.logits.device)
        self._last = torch.zeros(1, dtype=torch.bool, device=self.logits.device)

    def extend(self, logits_1T: Tensor) -> None:
        """Decides new frames by their logits."""
        frames = torch.tensor([logits_1T.size(1)], device=logits_1T.device)
        decisions = self.variant.decide(logits_1T, frames, self._last)
        self._last = decisions.last
        self.logits = torch.cat([self.logits, logits_1T], 1)
        self.boundaries = torch.cat([self.boundaries, decisions.boundaries], 1)

    def closed(self, ids_1T: Tensor, ended: bool) -> int:
        """Frames in segments that have closed, by the segment ids of all frames; at the end of the speech, all."""
        return ids_1T.size(1) if ended else int((ids_1T < self.boundaries.sum()).sum())

    def memory(self, states_1TD: Tensor) -> Memory:
        """Of the first T frames."""
        frames = states_1TD.size(1)
        units_1T = self.variant.frame_units(self.boundaries)[:, :frames]
        return Memory(states_1TD, torch.tensor([frames], device=states_1TD.device), units_1T)


class IncrementalStream:
    """Hears block by block, and runs the layers over a segment once it has closed: every frame is computed once.

    What it holds equals a pass over the whole prefix, and so over the whole utterance, which does not change a segment
    that has closed.
    """

    def __init__(self, encoder: SharedEncoder) -> None:
        self.encoder = encoder
        one_shape = encoder.convolves_few_shapes
        self.front_end = cast(HearsInBlocks, encoder.front_end).stream(one_shape)
        frames = encoder.front_end.block // encoder.front_end.frame_samples if one_shape else None
        self.subsampler = None if encoder.subsampler is None else SubsamplerStream(encoder.subsampler, frames)
        self.cache: Cache = {}  # keys and values of segments that have closed
        self.decided = Decided(encoder.segmenting)
        self.pending = self.decided.logits[0]  # samples of a block that is not complete
        self.open = self.pending.new_zeros(1, 0, encoder.projection.out_features)  # embedded frames of the open segment
        self.memory = self.decided.memory(self.open)
        self.segments = self.edition = 0

    def extend(self, samples_N: Tensor, ended: bool) -> None:
        """Hears all blocks that are complete, at the end what is left."""
        self.pending = torch.cat([self.pending, samples_N.to(self.pending)])
        size = self.encoder.front_end.block
        whole = len(self.pending) // size * size
        blocks = list(self.pending[:whole].split(size)) if whole else []
        self.pending = self.pending[whole:]
        if ended and len(self.pending):
            blocks.append(self.pending)
            self.pending = self.pending[:0]
        embedded = [self._embed(block.unsqueeze(0)) for block in blocks]
        self._close(torch.cat([self.open, *embedded], 1), ended)

    def whole(self) -> Memory:
        """What `memory` would be if nothing followed what was heard. The stream goes on as if it had not been asked."""
        ending = copy(self)
        ending.front_end, ending.cache, ending.decided = self.front_end.fork(), dict(self.cache), copy(self.decided)
        ending.subsampler = None if self.subsampler is None else self.subsampler.fork()
        ending.extend(self.pending[:0], True)
        return ending.memory

    def _embed(self, samples_1N: Tensor) -> Tensor:
        x_1TC = self.front_end.extend(samples_1N)
        if self.subsampler is not None:
            x_1TC = self.subsampler.extend(x_1TC)
        x_1TD = self.encoder.embed_features(x_1TC)
        self.decided.extend(self.encoder.segmenting(x_1TD))
        return x_1TD

    def _close(self, open_1TD: Tensor, ended: bool) -> None:
        """Runs the layers over the segments that have closed, and keeps the rest waiting."""
        known, ids = self.memory.states.size(1), segment_ids(self.decided.boundaries)
        closed = self.decided.closed(ids, ended)
        if closed > known:
            ids = ids[:, :closed]
            frames = torch.tensor([closed], device=ids.device)
            new = Source(PLAIN.start(open_1TD[:, :closed - known]), frames - known,
                         segments_up_to(ids[:, known:], ids, frames), ids[:, known:])
            [states] = self.encoder.run([new], PLAIN, self.cache)
            self.memory = self.decided.memory(torch.cat([self.memory.states, states.value], 1))
            self.segments = int(ids.max()) + 1
        self.open = open_1TD[:, closed - known:]


class ReencodingStream:
    """Runs the whole encoder again over all that was heard; for front ends whose features depend on all of it."""

    def __init__(self, encoder: SharedEncoder) -> None:
        self.encoder = encoder
        self.decided = Decided(encoder.segmenting)
        self.heard = self.decided.logits[0]
        self.memory = self.decided.memory(self.heard.new_zeros(1, 0, encoder.projection.out_features))
        self.segments = self.edition = 0

    def extend(self, samples_N: Tensor, ended: bool) -> None:
        """Hears everything anew, once it is long enough for a frame."""
        self.heard = torch.cat([self.heard, samples_N.to(self.heard)])
        if len(self.heard) < self.encoder.front_end.receptive_field:
            return
        embedded, frames = self.encoder.embed_utterance(self.heard)
        self.decided.extend(self.encoder.segmenting(embedded.value)[:, self.decided.boundaries.size(1):])
        ids = segment_ids(self.decided.boundaries)
        whole = Source(embedded, frames, hard_visibility(self.decided.boundaries, frames), ids)
        [states] = self.encoder.run([whole], PLAIN)
        closed = self.decided.closed(ids, ended)
        self.memory = self.decided.memory(states.value[:, :closed])
        self.segments = int(ids[0, closed - 1]) + 1 if closed else 0
        self.edition += 1
