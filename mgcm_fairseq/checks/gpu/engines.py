"""Conflict handling on the GPU: every way, at several batches and in two precisions, in steps of plain training."""

from collections.abc import Iterator

import torch

from mgcm_fairseq.benchmarks.conflict.measure import measure
from mgcm_fairseq.benchmarks.conflict.setting import BenchmarkSetting
from mgcm_fairseq.checks.gpu.setting import GpuSetting, Row, say

METHODS = ["plain", "published", "stash", "streamed", "streamed_above"]
SPEECH = 6.0  # seconds
# what matters most first
BATCHES = [("fp16", 16), ("fp16", 64), ("fp32", 16), ("fp32", 64), ("fp16", 32), ("fp32", 32)]


def engines(setting: GpuSetting) -> Iterator[Row]:
    """The rows of scripts/benchmarks/conflict.py for the paper's network."""
    for dtype, utterances in [("fp32", 1)] if setting.quick else BATCHES:
        if setting.is_over():
            yield {"left out": f"{dtype}, {utterances} utterances"}
            continue
        measured = BenchmarkSetting("0.003" if setting.quick else "0.2", utterances,
                                    0.5 if setting.quick else SPEECH, dtype, setting.device, tf32=False, clock="wall",
                                    rounds=1 if setting.quick else 7)
        methods = ["plain", "streamed"] if setting.quick else METHODS
        try:
            yield from measure(measured, methods, lambda said: say(said) if "round" not in said else None)
        except torch.OutOfMemoryError as error:  # on a small GPU: smaller batches go on
            yield {"dtype": dtype, "utterances": utterances, "error": str(error)}
