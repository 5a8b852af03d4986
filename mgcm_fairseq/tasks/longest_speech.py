"""The longest speech of a training, which its checkpoints carry: agents cut a talk that is longer."""

import numpy as np

from mgcm_fairseq.data.augmentation import STEPS, stretched
from mgcm_fairseq.data.dataset import SpeechTranslationDataset


def longest_speech(dataset: SpeechTranslationDataset, limit: int, epoch: int) -> int:
    """Samples of the longest item of at most `limit` that an epoch may train on.

    That is an utterance, or a window as long as it may be, at any speed that augmentation may give it.
    """
    lengths, windows, augmentation = dataset.utterances.audio_lengths, dataset.windows, dataset.augmentation
    if augmentation is not None:
        lengths = augmentation.lengths(lengths, limit)
    longest = int(lengths[lengths <= limit].max(initial=0))
    if windows is not None and epoch >= windows.first_epoch:
        slowest = min(augmentation.speeds, default=STEPS) if augmentation is not None else STEPS
        window = int(stretched(np.array(min(windows.high, limit)), np.array(slowest)))
        longest = max(longest, min(window, limit))
    return longest
