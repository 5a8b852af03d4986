"""Encoding speech that is still being spoken: segments, which are final, as they close."""

from copy import copy
from typing import Protocol

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.core.segmentation import hard_visibility, segment_ids, segments_up_to
from mgcm_fairseq.modules.attention import Cache
from mgcm_fairseq.modules.encoder import Memory, SharedEncoder
from mgcm_fairseq.modules.front_end_stream import FrontEndStream, SubsamplerStream
from mgcm_fairseq.modules.segmenter import Segmenter


class SpeechStream(Protocol):
    """One utterance."""

    memory: Memory  # states of the segments that have closed; at the end, of all
    segments: int  # how many these are
    edition: int  # rises when states of `memory` have changed that were there before
    logits: Tensor  # (1, T) of boundaries, as they were decided by
    boundaries: Tensor  # (1, T) bool, decided for good

    def extend(self, samples_N: Tensor, ended: bool) -> None:
        """Hears (N,) new samples at 16 kHz; with `ended` no more follow."""


def speech_stream(encoder: SharedEncoder) -> SpeechStream:
    """A new utterance for an encoder in a segmented phase; ValueError for one without a segmenter."""
    if encoder.front_end.block:
        return IncrementalStream(encoder, encoder.segmenting)
    return ReencodingStream(encoder, encoder.segmenting)


class IncrementalStream:
    """Hears block by block, and runs the layers over a segment once it has closed: every frame is computed once.

    What it holds equals a pass over the whole prefix, and so over the whole utterance, which does not change a segment
    that has closed.
    """

    def __init__(self, encoder: SharedEncoder, segmenter: Segmenter) -> None:
        self.encoder, self.segmenter = encoder, segmenter
        one_shape = encoder.convolves_few_shapes
        self.front_end = FrontEndStream(encoder.front_end, one_shape)
        frames = encoder.front_end.frames_of_block if one_shape else None
        self.subsampler = None if encoder.subsampler is None else SubsamplerStream(encoder.subsampler, frames)
        self.cache: Cache = {}  # keys and values of segments that have closed
        parameter = encoder.projection.weight
        self.waiting = parameter.new_zeros(0)  # samples of a block that is not complete
        self.open = parameter.new_zeros(1, 0, encoder.projection.out_features)  # embedded frames of the open segment
        self.logits = parameter.new_zeros(1, 0)
        self.boundaries = torch.zeros(1, 0, dtype=torch.bool, device=parameter.device)
        self.last = torch.zeros(1, dtype=torch.bool, device=parameter.device)
        self.memory = _memory(self.open, self.boundaries.long())
        self.segments = self.edition = 0

    def extend(self, samples_N: Tensor, ended: bool) -> None:
        """Hears all blocks that are complete, at the end what is left."""
        self.waiting = torch.cat([self.waiting, samples_N.to(self.waiting)])
        size = self.encoder.front_end.block
        whole = len(self.waiting) // size * size
        blocks = list(self.waiting[:whole].split(size)) if whole else []
        self.waiting = self.waiting[whole:]
        if ended and len(self.waiting):
            blocks.append(self.waiting)
            self.waiting = self.waiting[:0]
        embedded = [self._embed(block.unsqueeze(0)) for block in blocks]
        self._close(torch.cat([self.open, *embedded], 1), ended)

    def whole(self) -> Memory:
        """What `memory` would be if nothing followed what was heard. The stream goes on as if it had not been asked."""
        ending = copy(self)
        ending.front_end, ending.cache = self.front_end.fork(), dict(self.cache)
        ending.subsampler = None if self.subsampler is None else self.subsampler.fork()
        ending.extend(self.waiting[:0], True)
        return ending.memory

    def _embed(self, samples_1N: Tensor) -> Tensor:
        x_1TC = self.front_end.extend(samples_1N)
        if self.subsampler is not None:
            x_1TC = self.subsampler.extend(x_1TC)
        x_1TD = self.encoder.speech_norm(self.encoder.projection(x_1TC))
        logits = self.segmenter(x_1TD)
        frames = torch.tensor([x_1TD.size(1)], device=logits.device)
        decisions = self.segmenter.variant.decide(logits, frames, self.last)
        self.last = decisions.last
        self.logits = torch.cat([self.logits, logits], 1)
        self.boundaries = torch.cat([self.boundaries, decisions.boundaries], 1)
        return x_1TD

    def _close(self, open_1TD: Tensor, ended: bool) -> None:
        """Runs the layers over the segments that have closed, and keeps the rest waiting."""
        known, ids = self.memory.states.size(1), segment_ids(self.boundaries)
        closed = ids.size(1) if ended else int((ids < self.boundaries.sum()).sum())
        if closed > known:
            ids = ids[:, :closed]
            mask = segments_up_to(ids[:, known:], ids, torch.tensor([closed], device=ids.device))
            x_1TD = self.encoder.place(open_1TD[:, :closed - known], known)
            for index, layer in enumerate(self.encoder.layers):
                x_1TD = layer(x_1TD, mask, self.cache, str(index))
            states = torch.cat([self.memory.states, self.encoder.final_norm(x_1TD)], 1)
            self.memory = _memory(states, self.segmenter.variant.frame_units(self.boundaries)[:, :closed])
            self.segments = int(ids.max()) + 1
        self.open = open_1TD[:, closed - known:]


class ReencodingStream:
    """Runs the whole encoder again over all that was heard; for front ends whose features depend on all of it.

    A frame's boundary is decided when the frame is first there, and does not change.
    """

    def __init__(self, encoder: SharedEncoder, segmenter: Segmenter) -> None:
        self.encoder, self.segmenter = encoder, segmenter
        parameter = encoder.projection.weight
        self.heard = parameter.new_zeros(0)
        self.logits = parameter.new_zeros(1, 0)
        self.boundaries = torch.zeros(1, 0, dtype=torch.bool, device=parameter.device)
        self.last = torch.zeros(1, dtype=torch.bool, device=parameter.device)
        self.memory = _memory(parameter.new_zeros(1, 0, encoder.projection.out_features), self.boundaries.long())
        self.segments = self.edition = 0

    def extend(self, samples_N: Tensor, ended: bool) -> None:
        """Hears everything anew, once it is long enough for a frame."""
        self.heard = torch.cat([self.heard, samples_N.to(self.heard)])
        if len(self.heard) < self.encoder.front_end.receptive_field:
            return
        embedded, frames = self.encoder.embed_utterance(self.heard)
        new = self.segmenter(embedded.value)[:, self.boundaries.size(1):]
        decisions = self.segmenter.variant.decide(new, torch.tensor([new.size(1)], device=new.device), self.last)
        self.last = decisions.last
        self.logits = torch.cat([self.logits, new], 1)
        self.boundaries = torch.cat([self.boundaries, decisions.boundaries], 1)
        [states] = self.encoder.run([(embedded, hard_visibility(self.boundaries, frames))], PLAIN)
        ids = segment_ids(self.boundaries)
        closed = ids.size(1) if ended else int((ids < self.boundaries.sum()).sum())
        units = self.segmenter.variant.frame_units(self.boundaries)
        self.memory = _memory(states.value[:, :closed], units[:, :closed])
        self.segments = int(ids[0, closed - 1]) + 1 if closed else 0
        self.edition += 1


def _memory(states_1TD: Tensor, units_1T: Tensor) -> Memory:
    return Memory(states_1TD, torch.tensor([states_1TD.size(1)], device=states_1TD.device), units_1T)
