"""Runs fairseq-train in gloo workers, training after training, and writes down what each worker learnt from and scored.

python -m tests.training.ranks TRAININGS_JSON

TRAININGS_JSON lists [workers, folder, command line of fairseq-train]. Each worker writes FOLDER/RANK.log, what it
prints, and FOLDER/RANK.jsonl, a line for every micro-batch. All are forked off one process, which imports once.
"""

import json
import os
import sys
from multiprocessing import connection, get_context
from pathlib import Path

import torch
from fairseq.trainer import Trainer
from fairseq_cli.train import cli_main

from mgcm_fairseq.tasks.simul_st import SimulSTTask

PATIENCE = 200  # s


def watch(out):
    """Has training and validation written down as they go on."""
    train_step, valid_step = SimulSTTask.train_step, Trainer.valid_step

    def write(**line):
        out.write(json.dumps(line) + "\n")

    def training(self, sample, model, criterion, optimizer, update_num, ignore_grad=False):
        loss, size, log = train_step(self, sample, model, criterion, optimizer, update_num, ignore_grad)
        ids = [] if sample["filler"] else sample["id"].tolist()
        write(update=update_num, ids=ids, loss=loss.item(), tokens=size)
        return loss, size, log

    def validation(self, sample, raise_oom=False):
        write(scored=sample["id"].tolist() if sample else [])
        return valid_step(self, sample, raise_oom)

    SimulSTTask.train_step, Trainer.valid_step = training, validation


def work(rank, world, folder, command):
    log = os.open(folder / f"{rank}.log", os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.argv = [*command, "--distributed-world-size", str(world)]
    if world > 1:
        sys.argv += ["--distributed-rank", str(rank), "--distributed-no-spawn", "--distributed-backend", "gloo",
                     "--distributed-init-method", f"file://{folder / 'meeting'}"]
        sys.argv += [] if "--ddp-backend" in command else ["--ddp-backend", "legacy_ddp"]
    with (folder / f"{rank}.jsonl").open("w") as out:
        watch(out)
        cli_main()


def train(world, folder, command):
    """Ends with an error as soon as one worker does: the others would wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    workers = [get_context("fork").Process(target=work, args=(rank, world, folder, command), daemon=True)
               for rank in range(world)]
    for worker in workers:
        worker.start()
    running = {worker.sentinel: worker for worker in workers}
    while running:
        ended = connection.wait(list(running), timeout=PATIENCE)
        if not ended:
            sys.exit(f"{folder}: nothing for {PATIENCE} s")
        for sentinel in ended:
            worker = running.pop(sentinel)
            worker.join()  # its end is told a moment before its status
            if worker.exitcode:
                sys.exit(f"{folder}: a worker failed\n" + "".join(path.read_text() for path in folder.glob("*.log")))


if __name__ == "__main__":
    torch.set_num_threads(1)
    for of_one, where, line in json.loads(sys.argv[1]):
        train(of_one, Path(where), line)
