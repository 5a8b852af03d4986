"""The paper's rows through scripts/train.sh: updates a second, memory against the plan, and the time to start."""

import re
import shutil
from collections.abc import Iterator

import torch

from mgcm_fairseq.checks.gpu.follow import Followed, follow
from mgcm_fairseq.checks.gpu.random_wav2vec2 import SMALL, save_random
from mgcm_fairseq.checks.gpu.setting import GpuSetting, Row

ROWS = {"multi_task": ("multi_task", []), "mgcm_multi_task": ("mgcm_multi_task", []),
        "mgcm above the front end": ("mgcm_multi_task", ["task.conflict_scope=above-front-end"])}
UPDATES = {False: 24, True: 2}
# an epoch of a small corpus is short: no validation and no checkpoint at its end
OPTIONS = ["common.log_interval=1", "dataset.validate_interval=1000", "checkpoint.save_interval=1000"]
TINY = ["++model.model_dim=16", "++model.ffn_dim=24", "++model.attention_heads=2", "++model.encoder_layers=1",
        "++model.decoder_layers=1", "dataset.num_workers=0", "dataset.max_tokens=64000",
        "optimization.update_freq=[1]"]
PLANNED = {"micro-batch (s)": r"^micro-batch +([\d.]+) s at most", "update_freq": r"^update_freq +(\d+)",
           "padding (%)": r"^padding +([\d.]+)%", "planned (GiB)": r"^memory a worker +([\d.]+) GiB"}
"""Column -> where a plan of one training has it."""


def paper_rows(setting: GpuSetting) -> Iterator[Row]:
    """A training of each row as planned for this GPU, ended after a few updates; it writes no checkpoint."""
    w2v = setting.out / "wav2vec2_random.pt"
    save_random(w2v, SMALL if setting.quick else {})
    rows = list(ROWS)[:1] if setting.quick else list(ROWS)
    for name in rows:
        if setting.is_over():
            yield {"left out": name}
            continue
        row, overrides = ROWS[name]
        folder = setting.out / "paper" / name.replace(" ", "_")
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier check
        command = ["bash", "scripts/train.sh", row, "--data", str(setting.corpus), "--w2v", str(w2v), "--out",
                   str(folder), "--gpus", "1", *(["--cpu"] if setting.device == "cpu" else []), *OPTIONS,
                   *overrides, *(TINY if setting.quick else [])]
        found = follow(command, UPDATES[setting.quick], setting.at_most)
        try:
            found.check()
            yield {"row": name, **_measured(found, setting.device)}
        except RuntimeError as error:
            yield {"row": name, "error": str(error)}


def _measured(found: Followed, device: str) -> Row:
    text = "\n".join(found.lines)
    plan = {column: re.search(pattern, text, re.MULTILINE) for column, pattern in PLANNED.items()}
    planned = {column: float(match[1]) for column, match in plan.items() if match is not None}
    if len(planned) < len(PLANNED):
        raise RuntimeError(f"expected a plan with {', '.join(PLANNED)}, found:\n" + "\n".join(found.lines[:30]))
    peak = None
    if device == "cuda":
        total = torch.cuda.get_device_properties(0).total_memory / 2**30
        peak = round(total - min(found.free), 2)
    return {"updates": len(found.updates), **found.pace(), **planned, "peak (GiB)": peak,
            "first update (s)": round(found.updates[0], 1), "last loss": found.losses[-1]}
