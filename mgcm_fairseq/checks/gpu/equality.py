"""Does the GPU write what the CPU writes, and as early? With the model that was trained in fp32."""

from collections.abc import Iterator
from typing import Any

import torch

from mgcm_fairseq.checks.gpu.setting import GpuSetting, Row, say
from mgcm_fairseq.checks.gpu.trainings import checkpoint
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.data.simuleval_lists import read_list
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.evaluation.runs import Run, parse_runs
from mgcm_fairseq.evaluation.simulate import simulate

RUNS = ["offline:1", "wait-k:3", "wait-segment:3", "alignatt:4"]
SENTENCES = {False: 10, True: 2}
READ = 320  # ms
ENOUGH = 0.9  # of the sentences; in others two pieces may be as good as each other


def equality(setting: GpuSetting) -> Iterator[Row]:
    """How many sentences have equal texts and equal delays; a row has an `error` where too few are."""
    path = checkpoint(setting)
    if not path.is_file():
        raise InputError("--parts", "trainings among the parts, whose model this one takes", "no model", "Add it.")
    torch.backends.cudnn.allow_tf32 = False  # no CPU rounds so
    for run in parse_runs(RUNS[:2] if setting.quick else RUNS):
        if setting.is_over():
            yield {"left out": run.name}
            continue
        here, there = (_translations(setting, run, device) for device in ("cpu", setting.device))
        say(f"{run.name}: translated twice")
        texts, delays = (sum(a[key] == b[key] for a, b in zip(here, there, strict=True))
                         for key in ("prediction", "delays"))
        row = {"agent": run.name, "device": setting.device, "sentences": len(here), "equal texts": texts,
               "equal delays": delays, "words": sum(len(one["prediction"].split()) for one in here)}
        if min(texts, delays) < ENOUGH * len(here):
            row["error"] = f"expected at least {ENOUGH:.0%} of the sentences equal to the CPU's"
        yield row


def _translations(setting: GpuSetting, run: Run, device: str) -> list[dict[str, Any]]:
    system = load_system(checkpoint(setting), setting.corpus)
    system.network.to(device)
    agent = run.agent(checkpoint(setting), system)
    count = SENTENCES[setting.quick]
    wavs = read_list(setting.corpus / "simuleval" / "tst-COMMON.source")[:count]
    references = [one.tgt_text for one in read_manifest(setting.corpus / "tst-COMMON.tsv")[:count]]
    return [simulate(agent, wavs, references, index, READ) for index in range(len(wavs))]
