"""The shared decoder: one stack of layers for translation and transcription, told apart by the language tag."""

import math

from torch import Tensor, nn

from mgcm_fairseq.modules.attention import Cache
from mgcm_fairseq.modules.encoder import Memory
from mgcm_fairseq.modules.layers import DecoderLayer, LayerShape
from mgcm_fairseq.modules.lengths import causal_mask
from mgcm_fairseq.modules.positions import SinusoidalPositions


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

    def forward(self, tokens_BU: Tensor, memory: Memory, cache: Cache | None = None) -> Tensor:
        """Next-token logits (B, U, V).

        Args:
            tokens_BU: the language tag and the tokens so far, right-padded; with a cache, only those not yet in it.
            memory: encoder states of the same batch.
            cache: extended in place. Padding must not enter it.
        """
        known = cache["0.self.k"].size(2) if cache else 0
        size = tokens_BU.size(1)
        mask = causal_mask(known + size, tokens_BU.device)[:, :, known:] if size > 1 else None
        x = self.positions(self.scale * self.embedding(tokens_BU), start=known)
        x = self.dropout(self.embedding_norm(x))
        memory_mask = memory.mask
        for index, layer in enumerate(self.layers):
            x = layer(x, mask, memory.states, memory_mask, cache, str(index))
        return self.output(self.final_norm(x))
