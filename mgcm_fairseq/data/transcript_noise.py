"""Noise on the text that MT reads, which brings it nearer to what CTC hears; drawn from (seed, epoch, utterance) alone.

Speech has pauses and no punctuation, its transcript the reverse (IMTL, arXiv 2311.03810).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.plain_numbers import plain_number
from mgcm_fairseq.core.units import unit_starts
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.vocabulary import Vocabulary

KINDS = ("blank", "repeat")
_DRAW = 1  # tells these random numbers from those of an utterance's sound


@dataclass(frozen=True)
class TranscriptNoise:
    """Of which utterances how much is changed, and how. V pieces of the vocabulary, U of a text."""

    share: float  # of the utterances
    most: float  # pieces added for each piece of such an utterance; how many is drawn from 0 on
    kind: str  # of KINDS
    seed: int
    blank: int  # CTC's
    marks: np.ndarray  # (V,) bool, punctuation
    piece_kinds: Tensor  # (V,) what a piece does to the words of the source (core.kinds)

    @classmethod
    def parse(cls, text: str, kind: str, seed: int, vocabulary: Vocabulary,
              corpus: CorpusConfig) -> "TranscriptNoise | None":
        """From the task's options; None where there is to be no noise. Raises InputError."""
        if not text:
            return None
        numbers = [plain_number(part) for part in text.split(",")]
        if len(numbers) != 2 or not np.isfinite(numbers).all() or not 0 <= min(numbers) <= max(numbers) <= 1:
            raise InputError("--transcript-noise", "the share of utterances and the most pieces added for each piece, "
                             "both from 0 to 1", repr(text), "Write e.g. 0.1,0.2.")
        return cls(numbers[0], numbers[1], kind, seed, vocabulary.bos, np.array(vocabulary.punctuation),
                   torch.tensor(vocabulary.piece_kinds(corpus).source))

    def apply(self, pieces_U: np.ndarray, index: int, epoch: int) -> np.ndarray:
        """What MT reads of the transcript of utterance `index`, pieces and </s>, in an epoch.

        blank: punctuation becomes blanks, and blanks come before words, drawn with replacement. repeat: pieces come
        once more, drawn so too.
        """
        random = np.random.default_rng((self.seed, epoch, index, _DRAW))
        if random.random() >= self.share:
            return pieces_U
        text_U, end = pieces_U[:-1], pieces_U[-1:]
        added = round(len(text_U) * random.uniform(0, self.most))
        if self.kind == "repeat":
            drawn = random.choice(max(1, len(text_U)), added)
            return np.concatenate([np.repeat(text_U, 1 + np.bincount(drawn, minlength=len(text_U))), end])
        starts = unit_starts(self.piece_kinds[text_U].unsqueeze(0))[0].nonzero().flatten().numpy()
        before = random.choice(starts, added if len(starts) else 0)
        silent_U = np.where(self.marks[text_U], self.blank, text_U)
        return np.concatenate([np.insert(silent_U, before, self.blank), end])
