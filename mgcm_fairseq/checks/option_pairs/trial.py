"""One training with a combination of options: did it train, was it refused with a reason, or did it fail?"""

import json
import logging
import math
import os
import re
import shutil
import signal
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch

import mgcm_fairseq.tasks  # noqa: F401 - brings fairseq before the trainings are forked off
from mgcm_fairseq.checks.option_pairs.factors import Combination, options, workers

UPDATES = 3
PATIENCE = 180.0  # seconds, after which a training counts as hanging
TRAINED, REFUSED, FAILED = "trained", "refused", "failed"
NETWORK = json.dumps({
    "conv_feature_layers": "[(16,10,5)] + [(16,3,2)] * 4 + [(16,2,2)] * 2", "encoder_layers": 1,
    "encoder_embed_dim": 32, "encoder_ffn_embed_dim": 64, "encoder_attention_heads": 4, "conv_pos": 16,
    "conv_pos_groups": 4})
SHAPE = """
    --user-dir mgcm_fairseq --task simul_st --arch simul_st --criterion multitask_cross_entropy --model-dim 32
    --ffn-dim 64 --attention-heads 4 --encoder-layers 1 --decoder-layers 1 --max-tokens 64000 --num-workers 0 --cpu
    --lr 1e-3 --clip-norm 5 --no-epoch-checkpoints --log-format json --log-interval 1 --fp16-init-scale 4
    --max-tokens-valid 128000"""
REASON = re.compile(r"^(?:\[rank\d+\]: )?(?:fairseq-train: )?error: (.+)$", re.MULTILINE)
FAULT = re.compile(r"^(?:\[rank\d+\]: )?((?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    kind: str  # TRAINED, REFUSED or FAILED
    reason: str = ""  # what it was refused with, or how it failed


def trial(combination: Combination, corpus: Path, folder: Path) -> Outcome:
    """Trains UPDATES updates in forks of this process, which has imported fairseq. Leaves nothing in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    count = workers(combination)
    line = [str(corpus), *SHAPE.split(), "--w2v-config", NETWORK, "--max-update", str(UPDATES),
            "--save-dir", str(folder),
            *(str(folder / "conflicts.jsonl") if word == "LOG" else word for word in options(combination))]
    children = [_start(line, rank, count, folder) for rank in range(count)]
    hanging = _wait(children)
    text = "\n".join((folder / f"{rank}.txt").read_text(errors="replace") for rank in range(count))
    shutil.rmtree(folder)
    return Outcome(FAILED, f"hangs after {PATIENCE:.0f} s") if hanging else _outcome(text, children)


@dataclass
class _Child:
    pid: int
    status: int | None = None


def _start(line: list[str], rank: int, count: int, folder: Path) -> _Child:
    with warnings.catch_warnings():
        # OpenBLAS has threads from its import on, and makes them anew in a fork
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        pid = os.fork()
    if pid:
        return _Child(pid)
    status = 1
    try:
        os.setpgid(0, 0)
        text = os.open(folder / f"{rank}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(text, 1)
        os.dup2(text, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        status = _train(line, rank, count, folder)
    finally:
        os._exit(status)


def _train(line: list[str], rank: int, count: int, folder: Path) -> int:
    logging.root.handlers.clear()  # fairseq_cli.train sets logging up, unless somebody has
    from fairseq_cli.train import cli_main

    torch.set_num_threads(1)
    sys.argv = ["fairseq-train", *line]
    if count > 1:
        sys.argv += ["--distributed-world-size", str(count), "--distributed-rank", str(rank),
                     "--distributed-no-spawn", "--distributed-backend", "gloo", "--distributed-init-method",
                     f"file://{folder / 'meeting'}"]
    try:
        cli_main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _wait(children: list[_Child]) -> bool:
    """Until all have ended, or one has failed; whether they hang. Those that still run are killed."""
    until = time.monotonic() + PATIENCE
    while any(child.status is None for child in children) and time.monotonic() < until:
        for child in children:
            if child.status is None:
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                child.status = os.waitstatus_to_exitcode(status) if pid else None
        if any(child.status for child in children):
            until = min(until, time.monotonic() + 5)  # the others may say why, or wait for it without end
        time.sleep(0.02)
    left = [child for child in children if child.status is None]
    for child in left:
        os.killpg(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
    return len(left) == len(children)


def _outcome(text: str, children: list[_Child]) -> Outcome:
    if any(child.status != 0 for child in children):
        traceback, reason = FAULT.findall(text), REASON.findall(text)
        if reason and "Traceback" not in text:
            return Outcome(REFUSED, reason[0])
        statuses = ", ".join(str(child.status) for child in children)
        return Outcome(FAILED, traceback[-1][:300] if traceback else f"status {statuses}: {text.strip()[-300:]}")
    found = [json.loads(one[one.index("{"):]) for one in text.splitlines() if "| train_inner | {" in one]
    losses = [float(one["loss"]) for one in found]
    if len(losses) != UPDATES * len(children) and len(losses) != UPDATES:
        return Outcome(FAILED, f"expected the losses of {UPDATES} updates, found {len(losses)}")
    if not all(map(math.isfinite, losses)):
        return Outcome(FAILED, f"expected finite losses, found {losses}")
    return Outcome(TRAINED)
