"""Counts a training: its network, the largest and a typical batch of its corpus, and one step on each."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.recipes import checks, estimate
from mgcm_fairseq.recipes.estimate import Estimate
from mgcm_fairseq.recipes.step_cost import FakeTraining


def count(cfg: DictConfig, workers: int, tflops: float) -> tuple[Estimate, str]:
    """What a training takes, and its corpus in words.

    Builds the task, the model with its pre-trained weights and batches of real audio, and counts on them.

    Args:
        workers: processes in all.
        tflops: that a GPU keeps up, in 10^12 floating point operations a second.
    """
    from fairseq import tasks

    task = tasks.setup_task(cfg.task)
    for split in ("train", *cfg.dataset.valid_subset.split(",")):
        task.load_dataset(split)
    dataset = task.dataset("train")
    files = checks.audio_files(Path(cfg.task.data), {
        path for split in task.datasets.values() for path in split.audio_files()})
    model = task.build_model(cfg.model)
    criterion = task.build_criterion(cfg.criterion)
    batches = task.get_batch_iterator(dataset, max_tokens=cfg.dataset.max_tokens, max_sentences=cfg.dataset.batch_size,
                                      max_positions=task.max_positions()).frozen_batches
    dtype = torch.float16 if estimate.bytes_per_weight(cfg) == 2 else torch.float32
    training = FakeTraining(task, model, criterion, dtype)
    largest, typical = _extremes(dataset, batches), _typical(dataset, batches)
    peak = max(training.cost(collate(dataset, batch)).peak_bytes for batch in largest)
    samples = sum(padded(dataset, batch) for batch in batches) / len(batches)
    flops = training.cost(collate(dataset, typical)).flops / padded(dataset, typical) * samples
    frequency = cfg.optimization.update_freq[0]
    hours = sum(dataset.num_tokens(index) for index in range(len(dataset))) / SAMPLE_RATE / 3600
    corpus = (f"{task.corpus.src_lang} to {task.corpus.tgt_lang}: {len(dataset):,} utterances of training, "
              f"{hours:,.1f} h in {files:,} files; {len(task.vocabulary):,} pieces; {len(batches):,} batches of "
              f"{samples / SAMPLE_RATE:.0f} s on average")
    size = training.parameters
    return Estimate(size, estimate.memory(cfg, size, peak, workers),
                    estimate.hours(cfg, flops * frequency, tflops), estimate.disk_bytes(cfg, size)), corpus


def collate(dataset: Any, batch: Sequence[int]) -> dict[str, Any]:
    """The batch of these utterances."""
    return dataset.collater([dataset[index] for index in batch])  # type: ignore[no-any-return]


def padded(dataset: Any, batch: Sequence[int]) -> int:
    """Samples of a batch with its padding."""
    return len(batch) * max(dataset.num_tokens(index) for index in batch)


def _extremes(dataset: Any, batches: Sequence[Sequence[int]]) -> Iterator[Sequence[int]]:
    """The batch with most samples, and that with the largest attention, which grows with the square of the length."""
    by_samples = max(batches, key=lambda batch: padded(dataset, batch))
    by_attention = max(batches, key=lambda batch: padded(dataset, batch)**2 / len(batch))
    yield by_samples
    if by_attention is not by_samples:
        yield by_attention


def _typical(dataset: Any, batches: Sequence[Sequence[int]]) -> Sequence[int]:
    return sorted(batches, key=lambda batch: padded(dataset, batch) / len(batch))[len(batches) // 2]
