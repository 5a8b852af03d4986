"""Encoding speech that is still being spoken: segments, which are final, as they close."""

from copy import copy
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from mgcm_fairseq.core.conflict import PLAIN, Stream
from mgcm_fairseq.core.segmentation import (
    hard_visibility,
    segment_ids,
    segment_starts,
    segments_up_to,
    within_history,
)
from mgcm_fairseq.modules.cache import Cache, Growing
from mgcm_fairseq.modules.ear import Ear
from mgcm_fairseq.modules.encoder import SharedEncoder
from mgcm_fairseq.modules.front_end_stream import SubsamplerStream
from mgcm_fairseq.modules.hearing import HearsInBlocks
from mgcm_fairseq.modules.local import KEPT
from mgcm_fairseq.modules.segmenter import Boundaries, Segmenter
from mgcm_fairseq.modules.source import Memory, Source

ENDS_TOLD = 64  # segments whose ends a stream still knows, for who shows them read by read


class SpeechStream(Protocol):
    """One utterance."""

    memory: Memory  # states of the segments that have closed, but for those forgotten; at the end, of all
    segments: int  # how many have closed, those forgotten too
    edition: int  # rises when states of `memory` have changed that were there before
    decided: "Decided"
    signs: Tensor | None  # (1, T) of the frames of `decided`: what CTC hears in each; None where nothing listens
    forgotten_frames: int

    def extend(self, samples_N: Tensor, ended: bool) -> None:
        """Hears (N,) new samples at 16 kHz; with `ended` no more follow."""

    def forget(self, frames: int) -> None:
        """Drops the first frames of the memory, which end with a segment; ValueError where it cannot."""


def speech_stream(encoder: SharedEncoder, ear: Ear | None = None, language: Tensor | None = None) -> SpeechStream:
    """A new utterance for an encoder in a segmented phase; ValueError for one without a segmenter.

    `ear`: says what CTC hears of a talk, which the front end hears in blocks. `language`: (1,) the rank of the spoken
    one, for an encoder with grouped layers.
    """
    return IncrementalStream(encoder, ear, language) if encoder.front_end.block \
        else ReencodingStream(encoder, language)


class Decided:
    """The boundaries of the frames so far. A frame's is decided when the frame is first there, and does not change."""

    def __init__(self, segmenter: Segmenter) -> None:
        self.segmenter = segmenter
        self.logits = segmenter.output.weight.new_zeros(1, 0)
        self.boundaries = torch.zeros(1, 0, dtype=torch.bool, device=self.logits.device)
        self.forgotten_segments = 0
        self.ends: tuple[int, ...] = ()  # of the latest segments, as frames from the beginning, forgotten or not
        self._frames = 0  # decided, those forgotten too
        self._last: Boundaries | None = None

    def extend(self, logits_1T: Tensor) -> None:
        """Decides new frames by their logits."""
        frames = torch.tensor([logits_1T.size(1)], device=logits_1T.device)
        self._last = self.segmenter.decide(logits_1T, frames, self._last)
        ends = (self._last.all[0].nonzero()[:, 0] + self._frames + 1).tolist()
        self.ends = (*self.ends, *ends)[-ENDS_TOLD:]
        self._frames += logits_1T.size(1)
        self.logits = torch.cat([self.logits, logits_1T], 1)
        self.boundaries = torch.cat([self.boundaries, self._last.all], 1)

    def closed(self, ids_1T: Tensor, ended: bool) -> int:
        """Frames in segments that have closed, by the segment ids of all frames; at the end of the speech, all."""
        return ids_1T.size(1) if ended else int((ids_1T < self.boundaries.sum()).sum())

    def forget(self, frames: int) -> None:
        """Drops the first frames. Those behind them keep their units."""
        self.forgotten_segments += int(self.boundaries[:, :frames].sum())
        self.logits, self.boundaries = self.logits[:, frames:].clone(), self.boundaries[:, frames:].clone()

    def memory(self, states_1TD: Tensor) -> Memory:
        """Of the first T frames."""
        frames = states_1TD.size(1)
        units_1T = self.segmenter.variant.frame_units(self.boundaries)[:, :frames] + self.forgotten_segments
        return Memory(states_1TD, torch.tensor([frames], device=states_1TD.device), units_1T)


class IncrementalStream:
    """Hears block by block, and runs the layers over a segment once it has closed: every frame is computed once.

    What it holds equals a pass over the whole prefix, and so over the whole utterance, which does not change a segment
    that has closed. Of earlier keys and values it keeps what the bounds of the network's attention let later frames
    see; of the memory everything, until it is told to forget.
    """

    def __init__(self, encoder: SharedEncoder, ear: Ear | None = None, language: Tensor | None = None) -> None:
        self.encoder = encoder
        self.language = language
        self.ear = ear
        one_shape = encoder.convolves_few_shapes
        self.front_end = cast(HearsInBlocks, encoder.front_end).stream(one_shape)
        frames = encoder.front_end.block // encoder.front_end.frame_samples if one_shape else None
        self.subsampler = None if encoder.subsampler is None else SubsamplerStream(encoder.subsampler, frames)
        self.cache = Cache()  # keys and values of segments that have closed, and inputs of local convolutions
        self.decided = Decided(encoder.segmenting)
        self.signs = None if ear is None else self.decided.boundaries.long()
        self.pending = self.decided.logits[0]  # samples of a block that is not complete
        self.open = self.pending.new_zeros(1, 0, encoder.projection.out_features)  # embedded frames of the open segment
        self._states = Growing(self.open)  # of the segments that have closed
        self._placed = Growing(self.open) if encoder.rotary else self._states  # the same as decoders attend to them
        self.memory = self.decided.memory(self.states)
        self.forgotten_frames = 0
        self.segments = self.edition = 0

    @property
    def states(self) -> Tensor:
        """(1, T, D) of the segments that have closed, without positions where these are rotary."""
        return self._states.value

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

    def end(self) -> None:
        """Nothing follows: closes what is open."""
        self.extend(self.pending[:0], True)

    def whole(self) -> Memory:
        """What `memory` would be if nothing followed what was heard. The stream goes on as if it had not been asked."""
        ending = copy(self)
        ending.front_end, ending.cache, ending.decided = self.front_end.fork(), self.cache.fork(), copy(self.decided)
        ending._states = self._states.fork()
        ending._placed = self._placed.fork() if self.encoder.rotary else ending._states
        ending.subsampler = None if self.subsampler is None else self.subsampler.fork()
        ending.ear = copy(self.ear)
        ending.end()
        return ending.memory

    def forget(self, frames: int) -> None:
        """Drops the first frames of the memory, which end with a segment; ValueError for others.

        The encoder's own history stays, so that what comes is encoded as if nothing had been dropped.
        """
        known = self.states.size(1)
        if frames not in (0, known) and not (frames < known and self.decided.boundaries[0, frames - 1]):
            raise ValueError(f"memory of {known} frames: expected to forget whole segments, found "
                             f"{frames} frames.")
        self.decided.forget(frames)
        self._states = self._placed = Growing(self.states[:, frames:].clone())
        if self.encoder.rotary:
            self._placed = Growing(self._as_remembered(self.states, 0))
        self.signs = None if self.signs is None else self.signs[:, frames:].clone()
        self.forgotten_frames += frames
        self.edition += 1
        self.memory = self.decided.memory(self._placed.value)

    def _embed(self, samples_1N: Tensor) -> Tensor:
        x_1TC = self.front_end.extend(samples_1N)
        if self.subsampler is not None:
            x_1TC = self.subsampler.extend(x_1TC)
        x_1TD = self.encoder.embed_features(x_1TC)
        self.decided.extend(self.encoder.segmenting(x_1TD))
        if self.ear is not None and self.signs is not None:
            self.signs = torch.cat([self.signs, self.ear.extend(x_1TD)], 1)
        return x_1TD

    def _close(self, open_1TD: Tensor, ended: bool) -> None:
        """Runs the layers over the segments that have closed, and keeps the rest waiting."""
        known, ids = self.states.size(1), segment_ids(self.decided.boundaries)
        closed = self.decided.closed(ids, ended)
        if closed > known:
            new = PLAIN.start(open_1TD[:, :closed - known])
            [states] = self.encoder.run([self._source(new, known)], PLAIN, self.cache, self.forgotten_frames + known)
            self._trim()
            self._states.append(states.value)
            if self.encoder.rotary:
                self._placed.append(self._as_remembered(states.value, known))
            self.memory = self.decided.memory(self._placed.value)
            self.segments = int(ids[0, closed - 1]) + 1 + self.decided.forgotten_segments
        self.open = open_1TD[:, closed - known:]

    def _source(self, new: Stream, known: int) -> Source:
        """Frames that follow the known ones, of which the cache has all that are within the encoder's history."""
        size, cached = new.value.size(1), self.cache["0.k"].size(2) if self.cache else 0
        boundaries = self.decided.boundaries[:, known:known + size]
        ids, frames = segment_ids(boundaries), torch.tensor([cached + size], device=boundaries.device)
        visible = segments_up_to(ids, F.pad(ids, (cached, 0), value=-1), frames)
        visible = within_history(visible, segment_starts(boundaries), self.encoder.segmenting.history, False)
        return Source(new, frames - cached, visible, ids, language=self.language)

    def _trim(self) -> None:
        history = self.encoder.segmenting.history
        for name in self.cache if history else ():
            if not name.endswith(KEPT):
                self.cache.keep_last(name, history)

    def _as_remembered(self, states_1TD: Tensor, start: int) -> Tensor:
        [states] = self.encoder.remember([PLAIN.start(states_1TD)], PLAIN, start)
        return states.value


class ReencodingStream:
    """Runs the whole encoder again over all that was heard; for front ends whose features depend on all of it."""

    signs: Tensor | None = None
    forgotten_frames = 0

    def __init__(self, encoder: SharedEncoder, language: Tensor | None = None) -> None:
        self.encoder = encoder
        self.language = language
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
        visible = hard_visibility(self.decided.boundaries, frames, self.encoder.segmenting.history)
        source = Source(embedded, frames, visible, ids, language=self.language)
        [states] = self.encoder.remember(self.encoder.run([source], PLAIN), PLAIN)
        closed = self.decided.closed(ids, ended)
        self.memory = self.decided.memory(states.value[:, :closed])
        self.segments = int(ids[0, closed - 1]) + 1 if closed else 0
        self.edition += 1

    def forget(self, frames: int) -> None:
        raise ValueError("a front end that hears all at once encodes all speech again: it cannot forget any.")
