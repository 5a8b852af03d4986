"""Batches of the training set, in an order and with a position that do not depend on the number of workers."""

import logging
import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from fairseq.data import data_utils
from fairseq.data.iterators import BufferedIterator, CountingIterator, EpochBatchIterator
from torch.utils.data import DataLoader

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.dataset import SpeechTranslationDataset
from mgcm_fairseq.data.padding import padding

logger = logging.getLogger(__name__)


class GlobalBatches(EpochBatchIterator):
    """fairseq's iterator with three differences.

    Its checkpoint holds how many batches all workers together have consumed, so that any number of workers can go on
    there. A worker without a batch, where they do not divide evenly, gets a filler that the task gives no weight:
    fairseq's own makes the trainer forget the worker's other micro-batches of that update. A filler is the shortest
    utterance. Batches are made anew for every epoch, whose lengths augmentation may have changed.
    """

    start = 0  # batches of the epoch that were consumed before this iterator took over

    def state_dict(self) -> dict[str, Any]:
        """fairseq's, and the global position."""
        state = super().state_dict()
        ended = self.end_of_epoch()
        return {**state, "batches_in_epoch": 0 if ended else self._position(),
                "order": 0 if ended else self._fingerprint(self.epoch, self.shuffle)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on behind the last batch that any worker had; one of fairseq's own needs the same number of workers."""
        self.epoch = state_dict["epoch"]
        self.dataset.set_epoch(self.epoch)
        shuffle = state_dict.get("shuffle", True)
        position = state_dict.get("batches_in_epoch", state_dict.get("iterations_in_epoch", 0) * self.num_shards)
        self._next_epoch_itr = self._frozen_batches = None
        if not position:
            return
        order = self._fingerprint(self.epoch, shuffle)
        if position >= len(self.frozen_batches) or state_dict.get("order", order) != order:
            raise InputError("--restore-file", f"a checkpoint of a training with these {len(self.frozen_batches)} "
                             "batches in this order", f"another list of batches, or a position of {position}",
                             "Resume with the same corpus, --train-subset, --seed, --max-tokens, --batch-size, "
                             "--max-source-samples, --max-target-tokens, --augment-speed, --windows, --windows-from "
                             "and --length-grid (auto is always on a GPU and never on a CPU), or begin with the first "
                             "epoch: --reset-dataloader.")
        self._next_epoch_itr = self._get_iterator_for_epoch(self.epoch, shuffle, offset=position)

    def ordered_batches(self, epoch: int, fix_batches_to_gpus: bool, shuffle: bool) -> list[Any]:
        """All workers' batches of an epoch, in fairseq's order."""
        batches = list(self.frozen_batches)
        if shuffle:
            with data_utils.numpy_seed(self.seed + epoch):
                np.random.shuffle(batches)
        return batches

    def _get_iterator_for_epoch(self, epoch: int, shuffle: bool, fix_batches_to_gpus: bool = False,
                                offset: int = 0) -> CountingIterator:
        """This worker's part of what comes behind the first `offset` batches."""
        self.start = offset
        if self.shard_id == 0:
            logger.info("epoch %d: %s", epoch, padding(self.dataset, self.frozen_batches))
        rest = self.ordered_batches(epoch, fix_batches_to_gpus, shuffle)[offset:]
        share = rest[self.shard_id::self.num_shards]
        if len(share) < math.ceil(len(rest) / self.num_shards):
            share.append([~self.frozen_batches[0][0]])
        batches: Any = DataLoader(
            self.dataset, collate_fn=self.collate_fn, batch_sampler=share, num_workers=self.num_workers,
            timeout=self.timeout, pin_memory=True, persistent_workers=self.persistent_workers)
        if self.buffer_size > 0:
            batches = BufferedIterator(self.buffer_size, batches)
        counted = CountingIterator(batches, start=self._updates_before())
        if self.skip_remainder_batch:
            counted.take(len(counted) - 1)
        return counted

    def _updates_before(self) -> int:
        return math.ceil(self.start / self.num_shards)

    def _position(self) -> int:
        """Batches of this epoch that all workers have consumed."""
        consumed = self.start + (self.iterations_in_epoch - self._updates_before()) * self.num_shards
        return min(consumed, len(self.frozen_batches))

    def _fingerprint(self, epoch: int, shuffle: bool) -> int:
        order = self.ordered_batches(epoch, False, shuffle)
        return zlib.crc32(np.concatenate([np.array([len(batch), *batch], np.int64) for batch in order]).tobytes())


def training_batches(dataset: SpeechTranslationDataset, keep_fitting: Callable[..., np.ndarray], *,
                     max_tokens: int | None = None, max_sentences: int | None = None,
                     max_positions: tuple[int, int] | None = None, ignore_invalid_inputs: bool = False,
                     seed: int = 1, num_shards: int = 1, shard_id: int = 0, num_workers: int = 0, epoch: int = 1,
                     data_buffer_size: int = 0, skip_remainder_batch: bool = False, grouped_shuffling: bool = False,
                     **unused: Any) -> GlobalBatches:
    """What the trainer asks a task for: batches of utterances of like length, none filled up to a multiple.

    Args:
        keep_fitting: the task's `filter_indices_by_size`.
        max_tokens: samples in a batch, padding and what the grid adds included.
        max_positions: longest utterance in samples and target tokens.
    Raises:
        InputError: for an option that would make the order depend on the number of workers.
    """
    if grouped_shuffling:
        raise InputError("--grouped-shuffling", "an order that is the same for any number of workers",
                         "groups of as many batches as there are workers", "Leave it out.")
    if max_positions:
        dataset.longest = max_positions[0]
    dataset.cap_grid(min((limit for limit in (max_tokens, *(max_positions or ())[:1]) if limit), default=None))
    dataset.set_epoch(epoch)

    def sampler(dataset: SpeechTranslationDataset, epoch: int) -> Any:
        order = dataset.ordered_indices()
        fitting = keep_fitting(order, dataset, max_positions, ignore_invalid_inputs) if max_positions else order
        if len(fitting) == 0:
            shortest = int(dataset.audio_lengths.min())
            raise InputError("--max-tokens, --max-source-samples or --max-target-tokens",
                             f"limits that some utterance keeps; the shortest has {shortest} samples at 16 kHz",
                             ", ".join(map(str, (max_tokens, *(max_positions or ())))), "Raise them.")
        return dataset.batch_by_size(fitting, max_tokens, max_sentences)

    return GlobalBatches(
        dataset=dataset, collate_fn=dataset.collater, batch_sampler=sampler, seed=seed, num_shards=num_shards,
        shard_id=shard_id, num_workers=num_workers, epoch=epoch, buffer_size=data_buffer_size,
        skip_remainder_batch=skip_remainder_batch)
