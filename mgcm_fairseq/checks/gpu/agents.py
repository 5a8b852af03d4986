"""Agents on the GPU: computing time by length of audio, with random weights of the paper's size."""

import time
from collections.abc import Iterator
from pathlib import Path

from mgcm_fairseq.benchmarks.agents.measure import measure
from mgcm_fairseq.benchmarks.agents.pacing import Pacing
from mgcm_fairseq.benchmarks.agents.systems import random_system
from mgcm_fairseq.checks.gpu.setting import GpuSetting, Row, say
from mgcm_fairseq.evaluation.runs import parse_runs

RUNS = ["wait-segment:3", "alignatt:4", "local-agreement:320", "wait-k:3", "offline:1"]
SECONDS = {False: [5.0, 10.0], True: [1.0]}  # of audio
READ, BLOCK = 320, 640  # ms


def agents(setting: GpuSetting) -> Iterator[Row]:
    """The rows of scripts/benchmarks/agents.py, each audio heard once after a warm-up."""
    size = "demo" if setting.quick else "paper"
    system = random_system(size, BLOCK)
    pacing = Pacing(system)
    for run in parse_runs(RUNS[:1] if setting.quick else RUNS):
        if setting.is_over():
            yield {"left out": run.name}
            continue
        agent = run.agent(Path("random weights"), system)
        agent.to(setting.device)
        say(run.name)
        for row in measure(agent, pacing, SECONDS[setting.quick], READ, 1, time.perf_counter, lambda: None):
            yield {"agent": run.name, "size": size, **row}
