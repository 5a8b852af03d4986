"""The plan of a row: each training with its size, memory, hours and disk, and what stands in the way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.recipes import checks, estimate
from mgcm_fairseq.recipes.checks import Problems
from mgcm_fairseq.recipes.configuration import resolve
from mgcm_fairseq.recipes.estimate import Estimate
from mgcm_fairseq.recipes.launch import Launch
from mgcm_fairseq.recipes.rows import overrides_of
from mgcm_fairseq.recipes.step_cost import FakeTraining


@dataclass
class Stage:
    """One training. `model` is the mean of its best checkpoints, which the next one starts from."""

    name: str
    folder: Path
    model: Path
    cfg: DictConfig
    command: list[str]
    estimate: Estimate | None = None  # None for one that is done, or where a fault of the input stood in the way
    corpus: str = ""

    @property
    def state(self) -> str:
        """How far it is."""
        if self.model.is_file():
            return "done"
        return "goes on" if (self.folder / "checkpoint_last.pt").is_file() else "new"


@dataclass
class Plan:
    """Trainings in their order, and everything that was found wrong, input first."""

    stages: list[Stage] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    machine_problems: Problems = field(default_factory=Problems)

    @property
    def estimates(self) -> list[Estimate]:
        """Of what is to be done."""
        return [stage.estimate for stage in self.stages if stage.estimate]


def make_plan(names: Sequence[str], out: Path, overrides: Sequence[str], launch: Launch, tflops: float) -> Plan:
    """Resolves every training and looks at everything that it reads.

    Args:
        names: of YAMLs in configs/paper; each starts from the one before it.
        out: folder of all trainings.
        overrides: KEY=VALUE for each of them, or TRAINING:KEY=VALUE for one.
        tflops: that a GPU keeps up, in 10^12 floating point operations a second.
    """
    plan = Plan()
    start: list[str] = []
    for name in names:
        given = overrides_of(name, overrides, names)
        options = [*launch.cluster.overrides(given), f"checkpoint.save_dir={out / name}", *start, *given]
        cfg = plan.problems.catch(lambda options=options, name=name: resolve(name, options))  # type: ignore[misc]
        if cfg is None:
            return plan
        command = launch.command(name, out / name, options)
        stage = Stage(name, out / name, out / f"{name}.pt", cfg, command)
        if stage.state != "done":
            plan.problems.catch(lambda stage=stage: _look(stage, launch.cluster.workers, tflops))  # type: ignore[misc]
        plan.stages.append(stage)
        start = [f"checkpoint.finetune_from_model={stage.model}"]
    plan.problems.catch(lambda: checks.disk(out, sum(one.disk_bytes for one in plan.estimates)))
    memory = max((one.memory_bytes for one in plan.estimates), default=0)
    plan.machine_problems.catch(lambda: checks.machine(launch, memory))
    plan.problems = Problems(dict.fromkeys(plan.problems))
    return plan


def _look(stage: Stage, workers: int, tflops: float) -> None:
    """Builds the task, the model with its pre-trained weights and batches of real audio; counts on them."""
    from fairseq import tasks

    cfg = stage.cfg
    task = tasks.setup_task(cfg.task)
    for split in ("train", *cfg.dataset.valid_subset.split(",")):
        task.load_dataset(split)
    dataset = task.dataset("train")
    files = {path for split in task.datasets.values() for path in split.audio_files()}
    count = checks.audio_files(Path(cfg.task.data), files)
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
    hours_of_audio = sum(dataset.num_tokens(index) for index in range(len(dataset))) / SAMPLE_RATE / 3600
    stage.corpus = (f"{task.corpus.src_lang} to {task.corpus.tgt_lang}: {len(dataset):,} utterances of training, "
                    f"{hours_of_audio:,.1f} h in {count:,} files; {len(task.vocabulary):,} pieces; {len(batches):,} "
                    f"batches of {samples / SAMPLE_RATE:.0f} s on average")
    stage.estimate = Estimate(training.parameters, estimate.memory_bytes(cfg, training.parameters, peak, workers),
                              estimate.hours(cfg, flops * frequency, tflops),
                              estimate.disk_bytes(cfg, training.parameters))


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
