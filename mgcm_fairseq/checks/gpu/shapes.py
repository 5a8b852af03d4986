"""What a length of audio costs that the GPU has not met, over the batches of a corpus.

In half precision cuDNN plans convolutions for each shape, and attention too if PyTorch may use it there.
"""

import statistics
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from mgcm_fairseq.benchmarks.conflict.setting import DTYPES
from mgcm_fairseq.benchmarks.conflict.workload import Shape, Workload
from mgcm_fairseq.checks.gpu.setting import GpuSetting, Row
from mgcm_fairseq.core.conflict import Streamed
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.dataset import SpeechTranslationDataset
from mgcm_fairseq.data.length_grid import LengthGrid
from mgcm_fairseq.data.vocabulary import Vocabulary
from mgcm_fairseq.modules.simul_st import TASKS

BATCHES = 200  # of the corpus's training set
QUICK = 3  # of those


class ShapeCase(NamedTuple):
    """A way to train."""

    dtype: str  # one of DTYPES
    grid: bool  # batches are padded to lengths of the grid
    cudnn_attention: bool  # PyTorch may compute attention with cuDNN


CASES = [ShapeCase("fp16", True, False), ShapeCase("fp16", False, False), ShapeCase("bf16", True, False),
         ShapeCase("fp16", False, True), ShapeCase("bf16", False, False),
         ShapeCase("fp32", False, False)]  # what matters most first
QUICK_CASES = [ShapeCase("fp32", True, False), ShapeCase("fp32", False, False)]


def shapes(setting: GpuSetting) -> Iterator[Row]:
    """A row for each case, which says how many batches it came to: the first has half the time, the others share it."""
    cases = QUICK_CASES if setting.quick else CASES
    size = "0.003" if setting.quick else "0.2"
    batches = {grid: shapes_of(setting, LengthGrid() if grid else None) for grid in (True, False)}
    for number, case in enumerate(cases):
        if setting.is_over():
            yield {**case._asdict(), "left out": f"{case.dtype}, grid {case.grid}, cuDNN {case.cudnn_attention}"}
            continue
        share = setting.left / 2 if number == 0 else setting.left / (len(cases) - number)
        workload = Workload.build(size, batches[case.grid][0], setting.device, DTYPES[case.dtype])
        yield {**case._asdict(), **_time(workload, batches[case.grid], case, setting, share)}
        del workload


def shapes_of(setting: GpuSetting, grid: LengthGrid | None) -> list[Shape]:
    """Of the corpus's batches, as many as there are to be, in a random order."""
    corpus = CorpusConfig.read(setting.corpus)
    vocabulary = Vocabulary.load(setting.corpus, corpus)
    data = SpeechTranslationDataset(Columns(setting.corpus / "train.tsv"), vocabulary, shuffle_seed=1, grid=grid)
    most = max(int(data.audio_lengths.max()), int(data.audio_lengths.sum()) // BATCHES)  # samples in a batch
    data.cap_grid(most)
    made = data.batch_by_size(data.ordered_indices(), max_tokens=most)
    order = np.random.RandomState(0).permutation(len(made))[:QUICK if setting.quick else None]
    return [_shape(data, made[index]) for index in order]


def _shape(data: SpeechTranslationDataset, batch: Sequence[int]) -> Shape:
    texts = (max(len(rows[int(index)]) for index in batch) for rows in (data.transcripts, data.translations))
    source, target = (length if data.grid is None else int(data.grid.tokens(length)) for length in texts)
    return Shape(len(batch), max(data.num_tokens(int(index)) for index in batch), source, target)


def _time(workload: Workload, batches: Sequence[Shape], case: ShapeCase, setting: GpuSetting, share: float) -> Row:
    """Seconds of MGCM steps: on shapes not met before, on the same again, and of each batch as training meets them."""
    engine = Streamed(workload.network, TASKS)
    device = setting.device
    until = time.monotonic() + share
    new, again, in_order = [], [], []
    met: set[Shape] = set()
    before = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(case.cudnn_attention)
    try:
        _step(workload.of(Shape(1, 16_000, 3, 3)), engine, device)  # what is done once, whatever the shape
        for shape in batches:
            batch = workload.of(shape)
            in_order.append(_step(batch, engine, device))
            if shape not in met:
                met.add(shape)
                new.append(in_order[-1])
                again.append(_step(batch, engine, device))
            if time.monotonic() > until and not setting.quick:
                break
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)
    return {"batches": len(in_order), "shapes": len(met), "audio lengths": len({shape.samples for shape in met}),
            **_seconds("new", new), **_seconds("again", again), **_seconds("batch", in_order),
            "new / again": round(statistics.median(new) / statistics.median(again), 3),
            "batch / again": round(statistics.median(in_order) / statistics.median(again), 3)}


def _seconds(name: str, times: Sequence[float]) -> Row:
    return {f"{name} (s)": round(statistics.median(times), 4), f"{name}, worst (s)": round(max(times), 4),
            f"{name}, mean (s)": round(statistics.fmean(times), 4)}


def _step(batch: Workload, engine: Streamed, device: str) -> float:
    batch.clear()
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    engine.join(batch.losses(engine.streams())).backward()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start
