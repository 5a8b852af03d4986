"""Four short trainings of the demo's network through fairseq-train: fp32, fp16, bf16 and mixed precision."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from mgcm_fairseq.checks.gpu.follow import follow
from mgcm_fairseq.checks.gpu.setting import GpuSetting, Row, say

PRECISIONS: dict[str, list[str]] = {"fp32": [], "fp16": ["--fp16"], "bf16": ["--bf16"], "amp": ["--amp"]}
UPDATES, OF_FP32, QUICK = 40, 80, 3  # that in fp32 makes the model for `equality`
OPTIONS = """--user-dir mgcm_fairseq --task simul_st --arch simul_st_demo --criterion multitask_cross_entropy
    --ctc-weight 1 --conflict-rule mgcm --conflict-scope above-front-end --front-end-block 640
    --segmentation-variant repaired --differentiable-waiting --disable-validation --optimizer adam
    --adam-betas (0.9,0.98) --clip-norm 5 --lr 2e-3 --lr-scheduler polynomial_decay --warmup-updates 10
    --no-epoch-checkpoints --log-format simple --log-interval 1"""


def trainings(setting: GpuSetting) -> Iterator[Row]:
    """Losses, updates a second, and how often the loss scale skipped an update; an `error` for a loss not finite."""
    precisions = ["fp32"] if setting.quick else list(PRECISIONS)  # fairseq has no other on a CPU
    for precision in precisions:
        if setting.is_over():
            yield {"left out": precision}
            continue
        updates = QUICK if setting.quick else OF_FP32 if precision == "fp32" else UPDATES
        folder = setting.out / "trainings" / precision
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier check
        command = [sys.executable, "-m", "fairseq_cli.train", str(setting.corpus), *OPTIONS.split(),
                   *PRECISIONS[precision], "--save-dir", str(folder),
                   "--max-update", str(updates), "--total-num-update", str(updates),
                   "--segment-from", str(updates // 2), "--max-tokens", "64000" if setting.quick else "640000",
                   "--num-workers", "0" if setting.quick else "2", "--distributed-world-size", "1",
                   *(["--cpu"] if setting.device == "cpu" else [])]
        found = follow(command, None, setting.at_most)
        say(f"{precision}: {len(found.updates)} updates")
        try:
            found.check()
        except RuntimeError as error:
            yield {"precision": precision, "error": str(error)}
            continue
        yield {"precision": precision, "updates": len(found.updates), "first loss": found.losses[0],
               "last loss": found.losses[-1], "skipped": found.overflows, **found.pace(),
               "first update (s)": round(found.updates[0], 1)}


def checkpoint(setting: GpuSetting) -> Path:
    """Of the training in fp32."""
    return setting.out / "trainings" / "fp32" / "checkpoint_last.pt"
