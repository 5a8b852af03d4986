"""What a training records of the speech that it hears: the longest of it, and whether there were windows."""

from itertools import chain

import numpy as np
import pytest
from fairseq import checkpoint_utils

from tests.tasks.training_tasks import iterator, make


def test_the_longest_speech_on_record_is_what_is_trained_on(tiny_corpus):
    task = make(tiny_corpus, "never")
    lengths = np.sort(task.dataset("train").audio_lengths)
    for limit in (int(lengths[20]), 480_000):
        iterator(task, max_positions=(limit, 512), ignore_invalid_inputs=True)
        assert task.record.longest == lengths[lengths <= limit].max()


def test_windows_are_on_record_from_their_epoch_on(tiny_corpus):
    task = make(tiny_corpus, "never", windows="5,9", windows_from=3)
    utterance = int(task.dataset("train").utterances.audio_lengths.max())
    assert utterance < 9 * 16_000
    for epoch_of, expected in ((1, utterance), (2, utterance), (3, 9 * 16_000), (4, 9 * 16_000)):
        iterator(task, max_positions=(480_000, 512), epoch=epoch_of)
        assert (task.record.longest, task.record.on_windows) == (expected, epoch_of >= 3)
    iterator(task, max_positions=(7 * 16_000, 512), epoch=3)
    assert task.record.longest == 7 * 16_000


def test_a_trained_model_hears_the_training_split_as_recorded_and_whole(tiny_corpus, tiny_checkpoint):
    _, _, task = checkpoint_utils.load_model_ensemble_and_task([str(tiny_checkpoint)], arg_overrides={
        "data": str(tiny_corpus), "augment_speed": "0.8", "windows": "5,9", "max_source_samples": 10_000})
    task.load_dataset("train")
    dataset = task.dataset("train")
    assert (dataset.augmentation, dataset.windows, dataset.shuffle_seed) == (None, None, None)
    batches = task.get_batch_iterator(dataset, max_tokens=64_000, max_positions=(10_000, 512)).frozen_batches
    assert sorted(chain(*batches)) == list(range(40))


@pytest.mark.parametrize("windows", ["", "0,0"])
def test_windows_of_one_utterance_are_none_on_record(tiny_corpus, windows):
    task = make(tiny_corpus, "never", windows=windows)
    iterator(task)
    assert task.record.on_windows is False


@pytest.mark.parametrize("speeds", ["0.9,1,1.1", "0.8", "1.25", ""])
def test_slower_and_faster_copies_are_on_record(tiny_corpus, speeds):
    task = make(tiny_corpus, "never", augment_speed=speeds)
    lengths = task.dataset("train").utterances.audio_lengths
    longest = int(lengths.max())
    for limit in (480_000, longest, int(np.sort(lengths)[20])):
        heard = 0
        for number in range(1, 40):
            iterator(task, max_positions=(limit, 512), ignore_invalid_inputs=True, epoch=number)
            drawn = task.dataset("train").audio_lengths
            heard = max(heard, int(drawn[drawn <= limit].max()))
        assert task.record.longest == heard, limit
    windowed = make(tiny_corpus, "never", windows="5,9", augment_speed=speeds)
    iterator(windowed, max_positions=(480_000, 512))
    slowest = min(map(float, (speeds or "1").split(",")))
    assert windowed.record.longest == max(9 * 16_000 / slowest, task.record.longest)
