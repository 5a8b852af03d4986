"""CTC heads that align a randomly initialised front end with the transcript, at two levels."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mgcm_fairseq.core.conflict import Passing, Stream


class Alignment(NamedTuple):
    """What CTC reads at one level."""

    logits: Tensor  # (B, T, vocabulary)
    frames: Tensor  # (B,)


class CTCHeads(nn.Module):
    """Letters from the front end, pieces from the embedded speech.

    Letters come first: they are few, so each is frequent enough to be found in the audio. Pieces are scored against the
    text embedding, which draws embedded speech towards embedded text, the source that MT learns to translate.
    """

    def __init__(self, feature_dim: int, embedding: nn.Embedding) -> None:
        super().__init__()
        self.letters = nn.Linear(feature_dim, embedding.num_embeddings)
        self.embedding = embedding
        self.piece_bias = nn.Parameter(torch.zeros(embedding.num_embeddings))

    def forward(self, features: Stream, frames: Tensor, embedded: Stream, embedded_frames: Tensor,
                passing: Passing) -> dict[str, Alignment]:
        """Alignments "letters" of features (B, T, C), "pieces" of embedded speech (B, T', D): streams of one task."""
        [task] = features.tasks
        [letters] = passing.run(self.letters, [(features,)])
        pieces = passing.by_rows(F.linear, [self.embedding.weight, self.piece_bias], task, embedded.value)
        return {"letters": Alignment(letters.value, frames), "pieces": Alignment(pieces, embedded_frames)}

    def pieces(self, embedded_BTD: Tensor) -> Tensor:
        """(B, T, vocabulary) logits of embedded speech, for inference."""
        return F.linear(embedded_BTD, self.embedding.weight, self.piece_bias)

    def heard(self, embedded_BTD: Tensor) -> Tensor:
        """(B, T) int64, the piece or blank that each frame of embedded speech is most likely to be."""
        return self.pieces(embedded_BTD).argmax(2)
