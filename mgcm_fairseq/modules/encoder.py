"""The shared encoder: speech through the front end, or text through the embedding, then the same layers.

The order from the embedding on is written here once: segments, positions, layers, norm. Training walks it with the
streams of a conflict engine, whole passes in `speech`, `utterance` and `text`, and modules.streaming as speech arrives,
whose front end and subsampler are streams of their own.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mgcm_fairseq.core.conflict import PLAIN, Passing, Stream
from mgcm_fairseq.core.units import unit_starts
from mgcm_fairseq.data.length_grid import LengthGrid
from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.grouped import PrivateParts
from mgcm_fairseq.modules.hearing import FrontEnd
from mgcm_fairseq.modules.layers import EncoderLayer, FeedForward, LayerShape
from mgcm_fairseq.modules.lengths import causal_mask, key_mask, valid_mask
from mgcm_fairseq.modules.local import LocalConvolution
from mgcm_fairseq.modules.looking_back import Shrinker
from mgcm_fairseq.modules.positions import RotaryPositions, SinusoidalPositions
from mgcm_fairseq.modules.schedule import Phase
from mgcm_fairseq.modules.segmenter import Segmenter
from mgcm_fairseq.modules.source import Memory, Source
from mgcm_fairseq.modules.subsampler import STRIDE, ConvSubsampler


class PrivateShape(NamedTuple):
    """Of the FFN of a grouped layer."""

    taken: int  # hidden units that are not shared
    units: int  # hidden units of each part: as many, or more in a part that is to be wide
    group_of: tuple[int, ...]  # each language's, in the order of their ranks


NO_LAYERS: Mapping[int, PrivateShape] = MappingProxyType({})
"""Nothing is grouped."""


class SharedEncoder(nn.Module):
    """N Transformer layers for SimulST, SimulASR (speech) and SimulMT (text)."""

    source_kinds: Tensor
    few_shapes: bool | None = None  # whether agents' speech is padded to few lengths; None: on a GPU

    def __init__(self, front_end: FrontEnd, subsample_kernels: list[int], embedding: nn.Embedding,
                 shape: LayerShape, layers: int, embedding_norm: bool, segmenter: Segmenter | None,
                 source_kinds: Tensor, rotary: bool = False, local_kernels: Sequence[int] = (),
                 shrinker: Shrinker | None = None, private: Mapping[int, PrivateShape] = NO_LAYERS) -> None:
        """`source_kinds`: (vocabulary,) int64, what pieces do to the words of the source (core.kinds).

        `rotary`: the layers know distances alone, and positions are added to what they give, for the decoder. So speech
        may begin anywhere. Without, sinusoidal positions are added to what the layers read. `local_kernels`: of a
        convolution in front of each layer; none for no such. They are causal where what comes later is not to be seen.
        `private`: layer, from 0 on -> its private parts, for grouped ones.
        """
        super().__init__()
        self.register_buffer("source_kinds", source_kinds, persistent=False)
        self.front_end = front_end
        self.subsampler = ConvSubsampler(front_end.dim, shape.dim, subsample_kernels, bool(front_end.block)) \
            if subsample_kernels else None
        self.projection = nn.Linear(shape.dim if subsample_kernels else front_end.dim, shape.dim)
        self.speech_norm = nn.LayerNorm(shape.dim)
        self.embedding = embedding
        self.scale = math.sqrt(shape.dim)
        self.positions = SinusoidalPositions(shape.dim)
        self.embedding_norm = nn.LayerNorm(shape.dim) if embedding_norm else nn.Identity()
        self.dropout = nn.Dropout(shape.dropout)
        self.rotary = RotaryPositions(shape.dim // shape.heads) if rotary else None
        causal = bool(front_end.block) or segmenter is not None
        local = [LocalConvolution(shape.dim, kernel, causal) for kernel in local_kernels]
        self.layers = nn.ModuleList(_layer(shape, self.rotary, local[layer] if local else None, private.get(layer))
                                    for layer in range(layers))
        self.final_norm = nn.LayerNorm(shape.dim) if shape.norm_first else nn.Identity()
        self.segmenter = segmenter
        self.shrinker = shrinker

    @property
    def segmenting(self) -> Segmenter:
        """The segmenter; ValueError for an encoder that has none."""
        if self.segmenter is None:
            raise ValueError("segmentation: expected a model with --segmentation-variant, found an offline one.")
        return self.segmenter

    @property
    def frame_samples(self) -> int:
        """Samples between two frames: the front end's, twice as many for each convolution of the subsampler."""
        step = self.front_end.frame_samples
        return step if self.subsampler is None else step * STRIDE ** len(self.subsampler.kernels)

    @property
    def convolves_few_shapes(self) -> bool:
        """Whether convolutions of agents' speech are to see few shapes, each of which a GPU plans for once."""
        return self.projection.weight.is_cuda if self.few_shapes is None else self.few_shapes

    def speech(self, waveform_BN: Tensor, lengths: Tensor, phase: Phase, language: Tensor | None = None) -> Memory:
        """(B, N) samples at 16 kHz, (B,) lengths in samples, and (B,) ranks of languages, for inference."""
        return self._encode(self.speech_source(*self._embed(waveform_BN, lengths), phase, PLAIN, language))

    def utterance(self, samples_N: Tensor, phase: Phase, language: Tensor | None = None) -> Memory:
        """(N,) samples at 16 kHz of one utterance or its beginning, and (1,) rank, for inference."""
        return self._encode(self.speech_source(*self.embed_utterance(samples_N), phase, PLAIN, language))

    def text(self, tokens_BU: Tensor, lengths: Tensor, phase: Phase, language: Tensor | None = None) -> Memory:
        """(B, U) tokens, right-padded, (B,) lengths, and (B,) ranks of languages, for inference."""
        return self._encode(self.text_source(tokens_BU, lengths, phase, PLAIN, language))

    def embed_utterance(self, samples_N: Tensor) -> tuple[Stream, Tensor]:
        """(N,) samples at 16 kHz -> embedded (1, T, D) and (1,) T, for inference.

        Where convolutions are to see few shapes, the samples are padded for them and what becomes of that is cut off.
        """
        size = len(samples_N)
        lengths = torch.tensor([size], device=samples_N.device)
        if self.convolves_few_shapes:
            samples_N = F.pad(samples_N, (0, int(LengthGrid().samples(size)) - size))
        embedded, frames = self._embed(samples_N.unsqueeze(0), lengths)
        return Stream(embedded.value[:, :int(frames)], embedded.tasks), frames

    def hear(self, waveform_BN: Tensor, lengths: Tensor, passing: Passing, tasks: Sequence[str]) -> Stream:
        """(B, N) samples at 16 kHz and (B,) lengths -> the front end's features (B, T, C) for the tasks.

        Where all are too short for a frame, there is one all the same, of padding.
        """
        missing = self.front_end.receptive_field - waveform_BN.size(1)
        if missing > 0:
            waveform_BN = F.pad(waveform_BN, (0, missing))
        return self.front_end(waveform_BN, lengths, passing, tasks)

    def embed_speech(self, features: Stream, lengths: Tensor, passing: Passing) -> tuple[Stream, Tensor]:
        """(B, T, C) front-end features of (B,) samples -> (B, T', D), to stand where embedded text stands, and (B,) T'.
        """
        frames = self.front_end.frames(lengths)
        [embedded] = passing.run(self._subsample, [(features, frames)])
        return embedded, frames if self.subsampler is None else self.subsampler.frames(frames)

    def embed_features(self, x_BTC: Tensor) -> Tensor:
        """(B, T, C) features behind the subsampler -> (B, T, D).

        They are normalised where an embedding is scaled: without that they outgrow the positions, whose norm is fixed,
        and cross-attention, which needs those to follow the speech, does not form.
        """
        return self.speech_norm(self.projection(x_BTC))

    def embed_text(self, tokens_BU: Tensor, passing: Passing, task: str) -> Stream:
        """(B, U) token ids, right-padded, embedded for a task."""
        embedded = passing.by_rows(partial(F.embedding, padding_idx=self.embedding.padding_idx),
                                   [self.embedding.weight], task, tokens_BU)
        return passing.start(self.scale * embedded, (task,))

    def speech_source(self, embedded: Stream, frames: Tensor, phase: Phase, passing: Passing,
                      language: Tensor | None = None) -> Source:
        """Embedded speech with its segments; all of it is one segment where attention is not segmented.

        Where it is shrunk, streaks of what CTC hears stand in place of frames. `language`: (B,) ranks.
        """
        if phase.segmented:
            return self.segmenting.segment(embedded, frames, phase.noise, passing)._replace(language=language)
        ends = None
        if phase.shrunk and self.shrinker is not None:
            embedded, frames, ends = self.shrinker(embedded, frames, passing)
        size = embedded.value.size(1)
        return Source(embedded, frames, key_mask(valid_mask(frames, size)), _one_unit(frames, size), ends=ends,
                      language=language)

    def text_source(self, tokens_BU: Tensor, lengths: Tensor, phase: Phase, passing: Passing,
                    language: Tensor | None = None) -> Source:
        """Embedded text, in which nothing later is seen where speech is segmented. `language`: (B,) ranks."""
        embedded, size = self.embed_text(tokens_BU, passing, "mt"), tokens_BU.size(1)
        mask = key_mask(valid_mask(lengths.clamp(min=1), size))
        if not phase.segmented:
            return Source(embedded, lengths, mask, _one_unit(lengths, size), language=language)
        units = self.segmenting.variant.token_units(self.word_starts(tokens_BU))
        return Source(embedded, lengths, mask & causal_mask(size, tokens_BU.device), units, language=language)

    def word_starts(self, tokens_BU: Tensor) -> Tensor:
        """(B, U) bool, True where a piece of the source's text begins a word."""
        return unit_starts(self.source_kinds[tokens_BU])

    def run(self, sources: Sequence[Source], passing: Passing, cache: Cache | None = None,
            start: int = 0) -> list[Stream]:
        """The layers over embedded sources: states (B, T, D).

        With a cache, for one source alone, its frames follow those in the cache, which it extends; its visibility is
        (B, 1, T, T and those in the cache). `start` counts the frames before it, in the cache or not.
        """
        valid = [source.valid for source in sources]
        streams = passing.run(self._prepare, [(source.embedded, start) for source in sources])
        for index, layer in enumerate(self.layers):
            streams = passing.run(layer, [(stream, source.visibility, cache, str(index), of_source, source.language)
                                          for stream, source, of_source in zip(streams, sources, valid, strict=True)])
        return passing.run(self.final_norm, [(stream,) for stream in streams])

    def remember(self, states: Sequence[Stream], passing: Passing, start: int = 0) -> list[Stream]:
        """States (B, T, D) as decoders attend to them; `start` counts those before the first, back to the beginning."""
        if self.rotary is None:
            return list(states)
        return passing.run(self.positions, [(stream, start) for stream in states])

    def _embed(self, waveform_BN: Tensor, lengths: Tensor) -> tuple[Stream, Tensor]:
        features = self.hear(waveform_BN, lengths, PLAIN, ("st",))
        return self.embed_speech(features, lengths, PLAIN)

    def _encode(self, source: Source) -> Memory:
        [states] = self.remember(self.run([source], PLAIN), PLAIN)
        return Memory(states.value, source.lengths, source.units, source.ends)

    def _subsample(self, x_BTC: Tensor, frames: Tensor) -> Tensor:
        return self.embed_features(x_BTC if self.subsampler is None else self.subsampler(x_BTC, frames))

    def _prepare(self, x_BTD: Tensor, start: int) -> Tensor:
        """Frames or tokens start ... start + T - 1, for the first layer."""
        placed = self.positions(x_BTD, start) if self.rotary is None else x_BTD
        return self.dropout(self.embedding_norm(placed))


def _layer(shape: LayerShape, rotary: RotaryPositions | None, local: LocalConvolution | None,
           private: PrivateShape | None) -> EncoderLayer:
    if private is None:
        return EncoderLayer(shape, rotary, local)
    own = replace(shape, ffn_dim=private.units)
    parts = [FeedForward(own, output_bias=False) for _ in range(max(private.group_of) + 1)]
    return EncoderLayer(replace(shape, ffn_dim=shape.ffn_dim - private.taken), rotary, local,
                        PrivateParts(parts, private.group_of))


def _one_unit(lengths: Tensor, size: int) -> Tensor:
    """(B, size) zeros: all of a source that is not segmented."""
    return torch.zeros(lengths.size(0), size, dtype=torch.long, device=lengths.device)
