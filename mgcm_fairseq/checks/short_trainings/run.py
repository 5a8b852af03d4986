"""Runs the trainings and the translations, and writes down every digit of what comes out."""

import hashlib
import json
import logging
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

import mgcm_fairseq.tasks  # noqa: F401 - brings fairseq before the trainings are forked off
from mgcm_fairseq.checks.process import Running
from mgcm_fairseq.checks.short_trainings.settings import (
    FOR_ALL,
    LONG,
    POLICIES,
    TRAININGS,
    TRANSLATES,
    UPDATES,
)
from mgcm_fairseq.common.installation import HOME
from mgcm_fairseq.compat import load_checkpoint

LONGEST = 600.0  # seconds that a training may take
Result = dict[str, Any]


def results(corpus: Path, folder: Path, names: list[str]) -> Iterator[tuple[str, Result]]:
    """(name, what came out) of each training named, and of each policy if TRANSLATES is among them.

    Raises:
        RuntimeError: a training or a translation failed; with what it wrote.
    """
    for name in names:
        yield name, _train(name, corpus, folder / "training")
        if name == TRANSLATES:
            wav = min((corpus / "data").glob("tst-COMMON/wav/*.wav"))
            for policy in POLICIES:
                yield f"translation, {policy}", _translate(wav, folder / "training" / "checkpoint_last.pt", policy)
        shutil.rmtree(folder / "training")


def differences(before: Mapping[str, Result], after: Mapping[str, Result]) -> list[str]:
    """A line for each result that is not the same."""
    return [f"{name}: {key}: {before.get(name, {}).get(key)} before, {after.get(name, {}).get(key)} after"
            for name in {**before, **after} for key in {**before.get(name, {}), **after.get(name, {})}
            if before.get(name, {}).get(key) != after.get(name, {}).get(key)]


def _train(name: str, corpus: Path, folder: Path) -> Result:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    updates = LONG if name == TRANSLATES else UPDATES
    words = ["fairseq-train", str(corpus), *FOR_ALL.split(), "--max-update", str(updates), "--save-dir", str(folder),
             *shlex.split(TRAININGS[name])]
    training = Running(words, folder / "log.txt", _fairseq_train)
    if not training.wait(LONGEST) or training.status != 0:
        training.end()
        raise RuntimeError(f"{name}: expected a training that ends well, found\n{training.text()[-2000:]}")
    lines = [json.loads(one[one.index("{"):]) for one in training.text().splitlines() if "train_inner | {" in one]
    state = load_checkpoint(folder / "checkpoint_last.pt")
    return {"losses": [one["loss"] for one in lines], "weights": digest(state["model"]),
            "optimizer": digest(state["last_optimizer_state"])}


def _fairseq_train() -> None:
    from fairseq_cli.train import cli_main

    logging.basicConfig(format="%(name)s | %(message)s", level=logging.INFO, stream=sys.stdout, force=True)
    torch.set_num_threads(1)
    cli_main()


def _translate(wav: Path, checkpoint: Path, policy: str) -> Result:
    ended = subprocess.run(["bash", "scripts/translate.sh", str(wav), "--checkpoint", str(checkpoint), "--run", policy],
                           cwd=HOME, capture_output=True, text=True)
    if ended.returncode != 0:
        raise RuntimeError(f"{policy}: expected a translation, found\n{ended.stderr[-2000:]}")
    return {"words": ended.stdout.splitlines()}


def digest(state: Any) -> str:
    """Of every tensor and number in nested dictionaries and lists, by name."""
    total = hashlib.sha256()

    def add(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key in sorted(value, key=str):
                add(f"{name}.{key}", value[key])
        elif isinstance(value, list | tuple):
            for index, one in enumerate(value):
                add(f"{name}.{index}", one)
        elif isinstance(value, torch.Tensor):
            total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            total.update(value.detach().reshape(-1).view(torch.uint8).numpy().tobytes())
        else:
            total.update(f"{name} {value!r}".encode())

    add("", state)
    return total.hexdigest()[:16]
