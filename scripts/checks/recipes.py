"""Shows that every row but GDPS's trains: dry run and ten updates at its full size on a CPU, a batch of one.

Starts from a random checkpoint in the shape of wav2vec 2.0 base and needs a prepared corpus, any. All parts of the
segmentation and of IMTL's rows set in within the ten updates, and the learning rate has no warm-up. Prints parameters,
peak memory and time of each training.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mgcm_fairseq.checks.gpu.random_wav2vec2 import save_random
from mgcm_fairseq.common.arguments import Parser
from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.recipes.rows import STARTS_FROM

SCRIPT = "scripts/checks/recipes.py"
ROWS = [row for row in STARTS_FROM if "gdps" not in row.split("_")]  # which need a sharing plan of a trained model
UPDATES = 10
OVERRIDES = [f"optimization.max_update={UPDATES}", "optimization.update_freq=[1]", "dataset.batch_size=1",
             "dataset.num_workers=0", "++dataset.batch_size_valid=8", "common.log_interval=1",
             f"checkpoint.save_interval_updates={UPDATES}", "checkpoint.keep_interval_updates=1",
             "checkpoint.keep_best_checkpoints=1", "dataset.validate_interval=1000",
             "lr_scheduler.warmup_updates=1"]  # else ten updates change next to nothing, whatever the rule
SEGMENTATION = ["criterion.segment_number_from=2", "criterion.contrastive_from=6", "model.noise_from=2",
                "model.multipath_from=4"]
IMTL = ["model.freeze_front_end_updates=2", "model.shrink_from=3", "task.task_weight_interval=4", "task.asr_until=8"]


@program(SCRIPT)
def main() -> int:
    args = _parser().parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    w2v = args.out / "wav2vec2_base_shaped.pt"
    if not w2v.is_file():
        save_random(w2v, {})
    rows = []
    for row in (row for row in ROWS if row in args.rows):
        before = STARTS_FROM[row]
        line = ["bash", "scripts/train.sh", row, "--data", str(args.data), "--w2v", str(w2v), "--out", str(args.out),
                "--cpu", "--gpus", "1", "--best", "1", *OVERRIDES, *(f"{row}:{one}" for one in schedule(row, before))]
        for path in args.out.glob(f"{row}.*"):
            path.unlink()  # of an earlier check
        dry_run = subprocess.run([*line, "--dry-run"], text=True, stdout=subprocess.PIPE)
        plan = dry_run.stdout
        print(plan, flush=True)
        dry_run.check_returncode()
        start = time.perf_counter()
        peak = run(line)
        rows.append({**measured(row, args.out), "peak_GiB": round(peak / 2**30, 2), "estimated_GiB": float(
            re.findall(r"^memory a worker.* ([\d.]+) GiB$", plan, re.MULTILINE)[0]),
            "seconds": round(time.perf_counter() - start)})
        print(describe(rows[-1]), flush=True)
        shutil.rmtree(args.out / row)  # gigabytes
        if args.json:
            write_whole(args.json, json.dumps({"rows": rows, "environment": environment()}, indent=1) + "\n")
    print("\n" + "\n".join(map(describe, rows)))
    return 0


def schedule(row: str, before: str | None) -> list[str]:
    """What has all parts of the row set in within the updates; `before`: what it starts from."""
    return SEGMENTATION if before else IMTL if "imtl" in row.split("_") else []


def run(command: list[str]) -> int:
    """Bytes of the largest process among the command and its descendants (Linux); ends the program if it fails."""
    with subprocess.Popen(command) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise InputError(" ".join(command), "status 0", f"{process.returncode}", "Look at what it printed above.")
    return usage.ru_maxrss * 1024


def measured(row: str, out: Path) -> dict[str, Any]:
    """What the log of the row's training says, which must hold ten finite losses and a score."""
    log = (out / f"{row}.log").read_text(encoding="utf-8")
    losses = [float(loss) for loss in re.findall(r"^update \d+ .*?loss ([\d.]+)", log, re.MULTILINE)]
    if len(losses) < UPDATES or "| bleu " not in log:
        raise InputError(out / f"{row}.log", f"{UPDATES} losses and a score", f"the losses {losses}", "Read it.")
    parameters = re.search(r"num. shared model params: ([\d,]+) ", log)
    return {"row": row, "parameters": parameters[1] if parameters else "?", "updates": len(losses),
            "loss": [losses[0], losses[-1]]}


def describe(row: dict[str, Any]) -> str:
    text = "{row:<20}{parameters:>14} parameters, {updates} updates, loss {loss[0]:.2f} to {loss[1]:.2f}, peak " \
           "{peak_GiB} GiB (estimated {estimated_GiB}), {seconds} s"
    return text.format(**row)


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="prepared corpus")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets some 10 GB for a while")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, metavar="ROW",
                        help="one that starts from another needs that one before it (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the figures, with versions and hardware")
    return parser


if __name__ == "__main__":
    sys.exit(main())
