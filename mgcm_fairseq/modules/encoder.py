"""The shared encoder: speech through the front end, or text through the embedding, then the same layers."""

import math
from typing import NamedTuple

from torch import Tensor, nn

from mgcm_fairseq.modules.front_end import Wav2Vec2FrontEnd
from mgcm_fairseq.modules.layers import EncoderLayer, LayerShape
from mgcm_fairseq.modules.lengths import key_mask, valid_mask
from mgcm_fairseq.modules.positions import SinusoidalPositions
from mgcm_fairseq.modules.subsampler import ConvSubsampler


class Memory(NamedTuple):
    """What a decoder attends to."""

    states: Tensor  # (B, T, D)
    lengths: Tensor  # (B,) frames or tokens

    @property
    def mask(self) -> Tensor:
        """(B, 1, 1, T), True where a state may be attended to."""
        return key_mask(valid_mask(self.lengths, self.states.size(1)))


class SharedEncoder(nn.Module):
    """N Transformer layers for SimulST, SimulASR (speech) and SimulMT (text)."""

    def __init__(self, front_end: Wav2Vec2FrontEnd, subsample_kernels: list[int], embedding: nn.Embedding,
                 shape: LayerShape, layers: int, embedding_norm: bool) -> None:
        super().__init__()
        self.front_end = front_end
        if subsample_kernels:
            self.subsampler: ConvSubsampler | None = ConvSubsampler(front_end.dim, shape.dim, subsample_kernels)
        else:
            self.subsampler = None
        self.projection = nn.Linear(shape.dim if subsample_kernels else front_end.dim, shape.dim)
        self.speech_norm = nn.LayerNorm(shape.dim)
        self.embedding = embedding
        self.scale = math.sqrt(shape.dim)
        self.positions = SinusoidalPositions(shape.dim)
        self.embedding_norm = nn.LayerNorm(shape.dim) if embedding_norm else nn.Identity()
        self.dropout = nn.Dropout(shape.dropout)
        self.layers = nn.ModuleList(EncoderLayer(shape) for _ in range(layers))
        self.final_norm = nn.LayerNorm(shape.dim) if shape.norm_first else nn.Identity()

    def speech(self, waveform_BN: Tensor, lengths: Tensor) -> Memory:
        """(B, N) samples at 16 kHz and (B,) lengths in samples."""
        return self.run(*self.embed_speech(*self.front_end(waveform_BN, lengths)))

    def text(self, tokens_BU: Tensor, lengths: Tensor) -> Memory:
        """(B, U) token ids, right-padded, and (B,) lengths."""
        return self.run(self.scale * self.embedding(tokens_BU), lengths)

    def embed_speech(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C) front-end features and (B,) frames -> (B, T', D), to stand where embedded text stands, and (B,).

        They are normalised where an embedding is scaled: without that they outgrow the positions, whose norm is fixed,
        and cross-attention, which needs those to follow the speech, does not form.
        """
        if self.subsampler is not None:
            x, lengths = self.subsampler(x, lengths)
        return self.speech_norm(self.projection(x)), lengths

    def run(self, x_BTD: Tensor, lengths: Tensor) -> Memory:
        """The layers over embedded speech or text."""
        # The segmented attention of DiSeg takes the place of this mask.
        mask = key_mask(valid_mask(lengths, x_BTD.size(1)))
        x_BTD = self.dropout(self.embedding_norm(self.positions(x_BTD)))
        for layer in self.layers:
            x_BTD = layer(x_BTD, mask)
        return Memory(self.final_norm(x_BTD), lengths)
