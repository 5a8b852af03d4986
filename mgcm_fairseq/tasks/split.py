"""What a split of the corpus is read with: a grid of lengths, and in training windows, augmentation and noise."""

import math
from typing import Any

import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.augmentation import Augmentation
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.dataset import SpeechTranslationDataset
from mgcm_fairseq.data.length_grid import LengthGrid
from mgcm_fairseq.data.transcript_noise import TranscriptNoise
from mgcm_fairseq.data.vocabulary import Vocabulary
from mgcm_fairseq.data.windows import Windows
from mgcm_fairseq.tasks.config import SimulSTConfig


def dataset_of(cfg: SimulSTConfig, utterances: Columns, vocabulary: Vocabulary, corpus: CorpusConfig,
               train: bool) -> SpeechTranslationDataset:
    """The utterances of a split as the task's options have them; InputError for options that cannot work.

    Args:
        train: whether it is the split that is trained on.
    """
    grid = LengthGrid() if on_grid(cfg) else None
    if not train:
        return SpeechTranslationDataset(utterances, vocabulary, grid=grid, src_langs=corpus.src_langs)
    shuffle_seed = cfg.seed + 1  # as fairseq seeds the first epoch's batches
    augmentation = Augmentation.parse(cfg.augment_speed, cfg.augment_gain, cfg.augment_noise, cfg.seed)
    windows = Windows.parse(cfg.windows, cfg.seed, cfg.windows_from)
    noise = TranscriptNoise.parse(cfg.transcript_noise, str(cfg.transcript_noise_kind), cfg.seed, vocabulary, corpus)
    return SpeechTranslationDataset(utterances, vocabulary, shuffle_seed, augmentation, grid, windows, noise,
                                    corpus.src_langs)


def check_item_lengths(cfg: Any) -> None:
    """InputError for windows longer than a batch may hold, which would be cut to that.

    Args:
        cfg: of fairseq, whole.
    """
    windows = Windows.parse(cfg.task.windows, cfg.task.seed, cfg.task.windows_from)
    longest = min(cfg.task.max_source_samples, cfg.dataset.max_tokens or math.inf)
    if windows is not None and windows.high > longest:
        raise InputError("--windows", f"at most {longest / SAMPLE_RATE:g} s, as --max-source-samples "
                         f"{cfg.task.max_source_samples} and --max-tokens {cfg.dataset.max_tokens} allow",
                         cfg.task.windows, "Lower its second number, or raise them.")


def on_grid(cfg: SimulSTConfig) -> bool:
    """Whether batches are padded to a grid of lengths."""
    if cfg.length_grid == "auto":
        return torch.cuda.is_available() and not cfg.cpu
    return bool(cfg.length_grid == "always")
