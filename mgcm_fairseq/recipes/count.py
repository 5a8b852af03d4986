"""Counts a training: its network, the batches of its corpus, and a step on the largest of them."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from omegaconf import DictConfig

from mgcm_fairseq.benchmarks.scaling.memory import GpuMemory
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.padding import padding
from mgcm_fairseq.recipes import checks, estimate
from mgcm_fairseq.recipes.estimate import Batches
from mgcm_fairseq.recipes.micro_batches import Cut
from mgcm_fairseq.recipes.step_cost import MetaTraining, StepCost


class Count:
    """The task, its model and its corpus, built once, and what training takes with one cut or another."""

    def __init__(self, cfg: DictConfig, workers: int) -> None:
        """Reads the corpus and the pre-trained weights; InputError for what is wrong with them.

        Args:
            workers: processes in all.
        """
        from fairseq import tasks

        self.cfg, self.workers = _at_its_most(_on_its_processor(cfg)), workers
        self.task = tasks.setup_task(self.cfg.task)
        self.task.train_subset = cfg.dataset.train_subset
        for split in (cfg.dataset.train_subset, *cfg.dataset.valid_subset.split(",")):
            self.task.load_dataset(split)
        self.dataset = self.task.dataset(cfg.dataset.train_subset)
        self.files = checks.audio_files(Path(cfg.task.data), {
            path for split in self.task.datasets.values() for path in split.audio_files()})
        with patch.multiple(torch.Tensor, normal_=_as_it_is, uniform_=_as_it_is):  # of which nothing depends here
            model = self.task.build_model(self.cfg.model)
        dtype = torch.float16 if estimate.bytes_per_weight(cfg) == 2 else torch.float32
        self.training = MetaTraining(self.task, model, self.task.build_criterion(self.cfg.criterion), dtype,
                                     gpu=not cfg.common.cpu)
        self._of_cut = cache(self._made)
        self._cost = cache(self._counted)

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return self.training.parameters

    @property
    def corpus(self) -> str:
        """In words."""
        task, dataset = self.task, self.dataset
        return (f"{task.corpus.src_lang} to {task.corpus.tgt_lang}: {len(dataset):,} utterances of training, "
                f"{dataset.audio_lengths.sum() / SAMPLE_RATE / 3600:,.1f} h in {self.files:,} files; "
                f"{len(task.vocabulary):,} pieces")

    @property
    def longest(self) -> int:
        """Samples that an utterance may take in a batch, now or in an epoch to come."""
        return max(self.task.max_positions()[0], int(self.dataset.audio_lengths.max()))

    def memory(self, cut: Cut) -> GpuMemory:
        """Of a worker, on the batch with most samples."""
        return self._memory([max(self._of_cut(cut), key=self._padded)])

    def batches(self, cut: Cut) -> Batches:
        """All of them: memory with the longest utterance too, whose attention is largest, and typical arithmetic."""
        made = self._of_cut(cut)
        largest = [max(made, key=self._padded), max(made, key=lambda batch: self._padded(batch)**2 / len(batch))]
        middle = sorted(self._length(batch) for batch in made)[len(made) // 2]
        typical = min(largest, key=lambda batch: abs(self._length(batch) - middle))
        audio = padding(self.dataset, made).audio
        return Batches(len(made), audio.padded, audio.padding,
                       self._cost(tuple(typical)).flops / self._padded(typical) * audio.padded, self._memory(largest))

    def _memory(self, batches: Sequence[Sequence[int]]) -> GpuMemory:
        peak = max(self._cost(tuple(batch)).peak_bytes for batch in batches)
        return estimate.memory(self.cfg, self.parameters, peak, self.workers)

    def _made(self, cut: Cut) -> list[Any]:
        """As fairseq's trainer asks for them: of utterances that a batch can hold."""
        samples, tokens = self.task.max_positions()
        return self.task.get_batch_iterator(  # type: ignore[no-any-return]  # fairseq has no types
            self.dataset, max_tokens=cut.samples, max_sentences=cut.utterances,
            max_positions=(min(samples, cut.samples), tokens), ignore_invalid_inputs=True).frozen_batches

    def _counted(self, batch: tuple[int, ...]) -> StepCost:
        return self.training.cost(self.dataset.collater([self.dataset[index] for index in batch]))

    def _length(self, batch: Sequence[int]) -> int:
        return max(self.dataset.num_tokens(index) for index in batch)  # type: ignore[no-any-return]  # fairseq has no types

    def _padded(self, batch: Sequence[int]) -> int:
        return len(batch) * self._length(batch)


def _as_it_is(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    return tensor


def _on_its_processor(cfg: DictConfig) -> DictConfig:
    """With the batches of a GPU, whose lengths lie on a grid, where a GPU is to train that this machine may lack."""
    cfg = cfg.copy()
    if cfg.task.length_grid == "auto" and not cfg.common.cpu:
        cfg.task.length_grid = "always"
    return cfg


def _at_its_most(cfg: DictConfig) -> DictConfig:
    """With all tasks to the end: a task that ends before it takes as much memory until then."""
    cfg = cfg.copy()
    cfg.task.asr_until = 0
    return cfg
