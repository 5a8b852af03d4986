"""KEY=VALUE of scripts/train.sh, as Hydra resolves it."""

import json
from pathlib import Path
from random import Random

from mgcm_fairseq.checks.fuzzing.spoiling import few, scalar, spoil_bytes
from mgcm_fairseq.checks.fuzzing.target import Files, same
from mgcm_fairseq.recipes.cluster import Cluster
from mgcm_fairseq.recipes.configuration import resolve
from mgcm_fairseq.recipes.launch import Launch, quoted
from mgcm_fairseq.recipes.micro_batches import cut_of
from mgcm_fairseq.recipes.rows import overrides_of, trainings_of

ROW = "mgcm_diseg"
GIVEN = ("optimization.max_update=100", "dataset.max_tokens=400000", "dataset.batch_size=16",
         "optimization.update_freq=[2]", "optimization.lr=[0.001]", "model.dropout=0.1", "common.fp16=false",
         "++model.checkpoint_activations=true", "task.conflict_rule=pcgrad", "checkpoint.save_interval_updates=10",
         "mgcm_diseg:model.lags='1,9'", "common.seed=7", "++task.augment_gain='-6,6'", "model.w2v_path=null",
         "hydra.launcher.partition=gpu", "checkpoint.keep_best_checkpoints=3", "lr_scheduler.warmup_updates=5")


class Overrides:
    """An option has the value that was given, or is refused; a path comes back as it went in."""

    def __init__(self, shared: Path) -> None:
        pass

    def draw(self, random: Random) -> Files:
        given = random.sample(GIVEN, random.randint(0, 3))
        for at in range(len(given)):
            key, equals, value = given[at].partition("=")
            kind = random.randrange(8)
            if kind < 4:
                given[at] = key + equals + scalar(random)
            elif kind == 4:
                given[at] = key[:random.randint(0, len(key))] + equals + value
            elif kind == 5:
                given[at] = few(random, given[at].encode(), (spoil_bytes,)).decode("utf-8", "replace")
        path = "/data/" + few(random, b"corpus", (spoil_bytes,)).decode("utf-8", "replace")
        return {"given.json": json.dumps({"path": path, "given": given}).encode()}

    def read(self, folder: Path) -> None:
        found = json.loads((folder / "given.json").read_text())
        trainings = trainings_of(ROW, False)
        given = overrides_of(ROW, found["given"], trainings)
        cluster = Cluster(1, 4)
        options = [*cluster.overrides(given), f"task.data={quoted(found['path'])}", *given]
        Launch("local", cluster).command(ROW, folder, options)
        cfg = resolve(ROW, options)
        if not any("task" in one for one in given):
            same("path", cfg.task.data, found["path"])
        cut_of(cfg)
        for one in given:
            key, _, value = one.partition("=")
            if value.isascii() and value.isdigit() and len(value) < 10 and one in GIVEN:
                section, _, name = key.lstrip("+").partition(".")
                same(key, float(cfg[section][name]), float(value))
