"""Lengths, batches, and who gets which batch."""

import numpy as np
import pytest
from fairseq.data.iterators import EpochBatchIterator
from torch.utils.data import Dataset

from mgcm_fairseq.benchmarks.scaling.corpus import Lengths, SyntheticCorpus, batches, steps
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE


class Numbers(Dataset):
    def __len__(self):
        return 100

    def __getitem__(self, index):
        return index


def lengths():
    return Lengths(20_000).draw(seed=3)


def test_lengths_have_the_mean_and_the_limit_that_are_asked_for():
    drawn = lengths()
    seconds = drawn[:, 0] / SAMPLE_RATE
    assert drawn.shape == (20_000, 3)
    assert seconds.mean() == pytest.approx(6.3, rel=0.02)
    assert 0.1 <= seconds.min() < seconds.max() <= 30
    assert np.std(np.log(seconds)) == pytest.approx(0.75, rel=0.05)
    assert drawn[:, 1].mean() == pytest.approx(4.0 * seconds.mean() + 1.5, rel=0.02)  # </s>, and half from rounding
    assert (drawn[:, 1:] >= 2).all()


def test_lengths_depend_on_the_seed_alone():
    assert (lengths() == lengths()).all()
    assert (lengths() != Lengths(20_000).draw(seed=4)).any()


def test_batches_hold_every_utterance_within_the_limits():
    drawn = lengths()
    made = batches(drawn, 1_500_000, 32)
    assert made.utterances.sum() == len(drawn)
    assert made.audio_s.sum() == pytest.approx(drawn[:, 0].sum() / SAMPLE_RATE)
    assert made.utterances.max() == 32
    assert (made.utterances * made.samples).max() <= 1_500_000
    assert (np.diff(made.samples) >= 0).all()
    assert (made.audio_s * SAMPLE_RATE <= made.utterances * made.samples + 1).all()


def test_largest_batches_are_not_exceeded_by_any_other():
    made = batches(lengths(), 1_500_000, 32)
    found = made.largest()
    assert max(shape.samples for shape in found) == made.samples.max()
    assert max(shape.utterances * shape.samples for shape in found) == (made.utterances * made.samples).max()


def test_an_utterance_longer_than_a_batch_is_refused():
    with pytest.raises(InputError, match="--max-tokens"):
        SyntheticCorpus(np.array([[100, 2, 2], [400, 2, 2]])).batches(300, 32)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(("count", "gpus"), [(24, 8), (29, 8), (7, 8), (40, 1)])
def test_workers_get_the_batches_that_fairseq_deals_them(grouped, count, gpus):
    if grouped and count < gpus:  # where fairseq has no step
        with pytest.raises(InputError, match="--utterances"):
            steps(count, gpus, seed=5, epoch=1, grouped=True)
        return
    for epoch in (1, 2):
        of_workers = [EpochBatchIterator(
            Numbers(), None, [[index] for index in range(count)], seed=5, num_shards=gpus, shard_id=shard,
            grouped_shuffling=grouped).ordered_batches(epoch, False, True) for shard in range(gpus)]
        expected = [[batch[0] if batch else -1 for batch in step] for step in zip(*of_workers, strict=True)]
        assert steps(count, gpus, seed=5, epoch=epoch, grouped=grouped).tolist() == expected
