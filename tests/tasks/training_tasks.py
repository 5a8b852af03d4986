"""Tasks with a split of a corpus, and their batches."""

from mgcm_fairseq.tasks.config import SimulSTConfig
from mgcm_fairseq.tasks.simul_st import SimulSTTask


def make(corpus, grid, split="train", **options):
    task = SimulSTTask.setup_task(SimulSTConfig(data=str(corpus), seed=1, length_grid=grid, **options))
    task.load_dataset(split)
    return task


def iterator(task, **options):
    return task.get_batch_iterator(dataset=task.dataset("train"), required_batch_size_multiple=8,
                                   **{"max_tokens": 128_000, **options})
