"""Measures corpus making, preparation and loading: utterances per second, and peak memory of all processes (Linux)."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mgcm_fairseq.common.arguments import Parser, positive
from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import HOME
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.measuring.resident import resident

SCRIPT = "scripts/benchmarks/data.py"
LOAD = """
import sys
import mgcm_fairseq.tasks
from argparse import Namespace
from mgcm_fairseq.tasks.config import SimulSTConfig
from mgcm_fairseq.tasks.simul_st import SimulSTTask
cfg = SimulSTConfig(data=sys.argv[1], seed=1)
task = SimulSTTask.setup_task(cfg)
task.load_dataset("train")
iterator = task.get_batch_iterator(task.dataset("train"), max_tokens=256_000, max_positions=task.max_positions())
print(sum(batch["nsentences"] for batch in iterator.next_epoch_itr()))
"""


def measure(command: list[str]) -> tuple[float, int]:
    """Seconds, and the largest sum of memory seen every 50 ms."""
    start, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile() as errors, subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True) as process:
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.05)
        seconds = time.perf_counter() - start
        if process.returncode:
            errors.seek(0)
            raise InputError(" ".join(command), "status 0", f"{process.returncode}",
                             f"Its last lines are:\n{errors.read().decode()[-2000:]}")
    return seconds, peak


@program(SCRIPT)
def main() -> None:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--size", type=positive, default=5000, help="training utterances")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON file to write")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        steps = {
            "make corpus": [sys.executable, str(HOME / "scripts" / "make_spoken_corpus.py"), "--out", folder,
                            "--train", str(args.size), "--dev", "100", "--test", "100"],
            "prepare": ["bash", str(HOME / "scripts" / "prep_mustc.sh"), "--root", folder, "--lang", "de",
                        "--vocab-size", "800"],
            "load one epoch": [sys.executable, "-c", LOAD, f"{folder}/en-de"],
        }
        os.environ |= {"PYTHON": sys.executable, "PYTHONPATH": str(HOME), "OMP_NUM_THREADS": "1"}
        rows = []
        for name, command in steps.items():
            seconds, peak = measure(command)
            count = args.size + (0 if name.startswith("load") else 200)
            rows.append({"step": name, "utterances": count, "seconds": round(seconds, 1),
                         "utterances_per_second": round(count / seconds, 1), "peak_MiB": round(peak / 2**20)})
            print("{step:<16}{utterances:>8} utterances {seconds:>7} s {utterances_per_second:>9} /s {peak_MiB:>6} MiB"
                  .format(**rows[-1]), flush=True)
    if args.out:
        write_whole(args.out, json.dumps({"rows": rows, "environment": environment()}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
