"""How much of an epoch's batches is padding, and how many shapes they have."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mgcm_fairseq.data.dataset import SpeechTranslationDataset


class Amount(NamedTuple):
    """Samples or tokens of all batches."""

    data: int  # without padding
    exact: int  # with every batch padded to its longest row
    padded: int  # as the batches are

    @property
    def padding(self) -> float:
        """The share of the batches that is padding."""
        return 1 - self.data / self.padded

    @property
    def of_grid(self) -> float:
        """The share of the batches that --length-grid added to them."""
        return 1 - self.exact / self.padded


class Padding(NamedTuple):
    """Of an epoch."""

    batches: int
    lengths: int  # distinct lengths of audio
    shapes: int  # distinct pairs of rows and length of audio
    audio: Amount  # samples
    tokens: Amount  # of transcripts and translations

    def __str__(self) -> str:
        return (f"{self.batches:,} batches of {self.lengths:,} lengths of audio; padding is "
                f"{100 * self.audio.padding:.1f} % of the audio ({100 * self.audio.of_grid:.1f} % by --length-grid) "
                f"and {100 * self.tokens.padding:.1f} % of the tokens ({100 * self.tokens.of_grid:.1f} % by "
                "--length-grid)")


def padding(dataset: SpeechTranslationDataset, batches: Sequence[Sequence[int]]) -> Padding:
    """Of these batches of the dataset, in the epoch that it is set to."""
    rows = np.array([len(batch) for batch in batches])
    order, starts = np.concatenate(batches), np.cumsum(rows) - rows
    grid = dataset.grid

    def amount(lengths: np.ndarray, rounded: np.ndarray) -> Amount:
        return Amount(int(lengths[order].sum()), int(rows @ np.maximum.reduceat(lengths[order], starts)),
                      int(rows @ np.maximum.reduceat(rounded[order], starts)))

    audio, texts = dataset.audio_lengths, (dataset.transcripts.lengths, dataset.tokens)
    samples = dataset.num_tokens_vec(np.arange(len(dataset)))
    longest = np.maximum.reduceat(samples[order], starts)
    of_texts = [amount(lengths, lengths if grid is None else grid.tokens(lengths)) for lengths in texts]
    return Padding(len(batches), len(np.unique(longest)), len(np.unique(np.stack([rows, longest]), axis=1).T),
                   amount(audio, samples), Amount(*map(sum, zip(*of_texts, strict=True))))
