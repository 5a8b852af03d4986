"""The shared decoder: one stack of layers for translation and transcription, told apart by the language tag."""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from mgcm_fairseq.core.conflict import PLAIN, Passing, Stream
from mgcm_fairseq.modules.attention import last_weights
from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.layers import DecoderLayer, LayerShape
from mgcm_fairseq.modules.lengths import causal_mask
from mgcm_fairseq.modules.positions import SinusoidalPositions
from mgcm_fairseq.modules.source import Memory


class Prefix(NamedTuple):
    """What the decoder continues for one task."""

    task: str
    tokens: Tensor  # (B, U) the language tag and the tokens so far, right-padded
    memory: Stream  # (B, T, D) encoder states of the same batch
    memory_mask: Stream | Tensor  # (B, 1, U or 1, T), True where a state may be attended to, or a bias


class SharedDecoder(nn.Module):
    """M Transformer layers over target tokens; the first input token is the language tag."""

    def __init__(self, embedding: nn.Embedding, shape: LayerShape, layers: int, embedding_norm: bool,
                 tie_output: bool) -> None:
        super().__init__()
        self.embedding = embedding
        self.scale = math.sqrt(shape.dim)
        self.positions = SinusoidalPositions(shape.dim)
        self.embedding_norm = nn.LayerNorm(shape.dim) if embedding_norm else nn.Identity()
        self.dropout = nn.Dropout(shape.dropout)
        self.layers = nn.ModuleList(DecoderLayer(shape) for _ in range(layers))
        self.final_norm = nn.LayerNorm(shape.dim) if shape.norm_first else nn.Identity()
        self.output = nn.Linear(shape.dim, embedding.num_embeddings, bias=False)
        if tie_output:
            self.output.weight = embedding.weight
        else:
            nn.init.normal_(self.output.weight, std=shape.dim**-0.5)

    def forward(self, tokens_BU: Tensor, memory: Memory, cache: Cache | None = None,
                mask: Tensor | None = None) -> Tensor:
        """Next-token logits (B, U, V), for inference.

        Args:
            tokens_BU: the language tag and the tokens so far, right-padded; with a cache, only those not yet in it.
            memory: encoder states of the same batch.
            cache: extended in place. Padding must not enter it.
            mask: (B, 1, U or 1, T), True where a state may be attended to; None for all of the memory.
        """
        mask = memory.mask if mask is None else mask
        [logits] = self.run([Prefix("st", tokens_BU, Stream(memory.states, ("st",)), mask)], PLAIN, cache)
        return logits

    def cross_attention(self, tokens_BU: Tensor, memory: Memory, layer: int) -> Tensor:
        """(B, U, T): what the token after each position drew from each state of an unpadded memory, mean over heads.

        `layer` counts from 0. One pass over a prefix that is known, as in `forward`.
        """
        cache = Cache()
        self(tokens_BU, memory, cache)
        return last_weights(cache, f"{layer}.cross")

    def run(self, prefixes: Sequence[Prefix], passing: Passing, cache: Cache | None = None) -> list[Tensor]:
        """Next-token logits (B, U, V) for the prefixes of several tasks; with a cache, see `forward`, for one alone."""
        known = cache["0.self.k"].size(2) if cache else 0
        masks = [_self_mask(prefix.tokens, known) for prefix in prefixes]
        embedded = [passing.start(self._embed(prefix, passing), (prefix.task,)) for prefix in prefixes]
        states = passing.run(self._add_positions, [(stream, known) for stream in embedded])
        for index, layer in enumerate(self.layers):
            states = passing.run(layer, [
                (state, mask, prefix.memory, prefix.memory_mask, cache, str(index))
                for state, mask, prefix in zip(states, masks, prefixes, strict=True)])
        states = passing.run(self.final_norm, [(state,) for state in states])
        if passing is PLAIN:
            return [self.output(state.value) for state in states]
        return [passing.by_rows(F.linear, [self.output.weight], prefix.task, state.value)
                for state, prefix in zip(states, prefixes, strict=True)]

    def _embed(self, prefix: Prefix, passing: Passing) -> Tensor:
        return self.scale * passing.by_rows(partial(F.embedding, padding_idx=self.embedding.padding_idx),
                                            [self.embedding.weight], prefix.task, prefix.tokens)

    def _add_positions(self, x_BUD: Tensor, start: int) -> Tensor:
        return self.dropout(self.embedding_norm(self.positions(x_BUD, start)))


def _self_mask(tokens_BU: Tensor, known: int) -> Tensor | None:
    size = tokens_BU.size(1)
    return causal_mask(known + size, tokens_BU.device)[:, :, known:] if size > 1 else None
