"""One training with a combination of options: did it train, was it refused with a reason, or did it fail?"""

import json
import logging
import math
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

import mgcm_fairseq.tasks  # noqa: F401 - brings fairseq before the trainings are forked off
from mgcm_fairseq.checks.option_pairs.factors import Combination, options, workers
from mgcm_fairseq.checks.process import Running

UPDATES = 3
PATIENCE = 180.0  # seconds, after which a training counts as hanging
GRACE = 30.0  # seconds that a worker has to end by itself once another has failed
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
REASON = re.compile(r"^(?:\[rank\d+\]: )?(?:[\w.-]+: )?error: (.+)$", re.MULTILINE)
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
    children = [Running(["fairseq-train", *line, *_meeting(rank, count, folder)], folder / f"{rank}.txt", train)
                for rank in range(count)]
    hanging = _wait(children)
    text = "\n".join(child.text() for child in children)
    shutil.rmtree(folder)
    if len(hanging) == count:
        return Outcome(FAILED, f"hangs after {PATIENCE:.0f} s")
    outcome = _outcome(text, children)
    return Outcome(FAILED, f"worker {hanging[0]} hangs after: {outcome.reason}") if hanging else outcome


def train() -> None:
    """What a fork does."""
    from fairseq_cli.train import cli_main

    logging.basicConfig(format="%(name)s | %(message)s", level=logging.INFO, stream=sys.stdout, force=True)
    torch.set_num_threads(1)
    cli_main()


def _meeting(rank: int, count: int, folder: Path) -> list[str]:
    """The options with which several workers find each other."""
    if count == 1:
        return []
    return ["--distributed-world-size", str(count), "--distributed-rank", str(rank), "--distributed-no-spawn",
            "--distributed-backend", "gloo", "--distributed-init-method", f"file://{folder / 'meeting'}"]


def _wait(children: list[Running]) -> list[int]:
    """Until all have ended, or GRACE after one has failed; the ranks of those that still run, which are killed."""
    until = time.monotonic() + PATIENCE
    failed = False
    while sum(child.poll() for child in children) < len(children) and time.monotonic() < until:
        if not failed and any(child.status for child in children):
            failed, until = True, min(until, time.monotonic() + GRACE)  # the others may notice, and say why
        time.sleep(0.02)
    left = [rank for rank, child in enumerate(children) if not child.poll()]
    for child in children:
        child.end()
    return left


def _outcome(text: str, children: list[Running]) -> Outcome:
    if any(child.status != 0 for child in children):
        traceback, reason = FAULT.findall(text), REASON.findall(text)
        if reason and "Traceback" not in text:
            return Outcome(REFUSED, reason[0])
        statuses = ", ".join(str(child.status) for child in children)
        return Outcome(FAILED, traceback[-1][:300] if traceback else f"status {statuses}: {text.strip()[-300:]}")
    found = [json.loads(one[one.index("{"):]) for one in text.splitlines() if one.startswith("train_inner | {")]
    losses = [float(one["loss"]) for one in found]
    if len(losses) != UPDATES * len(children) and len(losses) != UPDATES:
        return Outcome(FAILED, f"expected the losses of {UPDATES} updates, found {len(losses)}")
    if not all(map(math.isfinite, losses)):
        return Outcome(FAILED, f"expected finite losses, found {losses}")
    return Outcome(TRAINED)
