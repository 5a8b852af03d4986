"""The longest speech of a training, which its checkpoints carry: agents cut a talk that is longer."""

from mgcm_fairseq.data.dataset import SpeechTranslationDataset


def longest_speech(dataset: SpeechTranslationDataset, limit: int, epoch: int) -> int:
    """Samples of the longest item of at most `limit` that an epoch may train on.

    That is an utterance at any speed that augmentation may give it, or a window as long as it may be.
    """
    lengths, windows = dataset.utterances.audio_lengths, dataset.windows
    if dataset.augmentation is not None:
        lengths = dataset.augmentation.lengths(lengths, limit)
    longest = int(lengths[lengths <= limit].max(initial=0))
    if windows is not None and epoch >= windows.first_epoch:
        longest = max(longest, min(windows.high, limit))
    return longest
