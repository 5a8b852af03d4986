"""One training of a study, a trial: its folder, and the commands that train, average and evaluate it."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS, HOME, PACKAGE
from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.recipes.launch import PROGRAM, quoted
from mgcm_fairseq.studies.study import PLAN, START, Study

LATER_KEYS = ("start", "plan_options")
"""Of trial.json and plans.json: folders of before do not have them."""
ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "8589934592", "MALLOC_TOP_PAD_": "268435456"}
"""Of glibc: freed memory stays in the process, which makes convolutions on a CPU up to twice as fast."""


@dataclass(frozen=True)
class Trial:
    """A system of a study, or the start of all, trained with one seed."""

    study: Study
    system: str
    seed: int
    corpus: Path  # prepared
    out: Path  # of the whole study
    device: str  # cpu or cuda

    @property
    def name(self) -> str:
        """Of its folder, and of its lines of progress."""
        return f"{self.system}-seed{self.seed}"

    @property
    def folder(self) -> Path:
        """Holds everything of the trial."""
        return self.out / self.study.size.name / self.name

    @property
    def log(self) -> Path:
        """Of the training: fairseq's lines, the figures in JSON."""
        return self.folder / "train.log"

    @property
    def model(self) -> Path:
        """The mean of its last checkpoints."""
        return self.folder / "model.pt"

    @property
    def results(self) -> dict[str, Path]:
        """Of its evaluation, which is its last step: source language -> file; "" for the only language there is."""
        languages = CorpusConfig.read(self.corpus).src_langs
        if len(languages) == 1:
            return {"": self.folder / "evaluation" / "results.json"}
        return {language: self.folder / "evaluation" / language / "results.json" for language in languages}

    @property
    def plans(self) -> Path:
        """The folder of the sharing plans of its seed."""
        return self.out / self.study.size.name / f"{PLAN}-seed{self.seed}"

    @property
    def plan(self) -> Path | None:
        """The sharing plan that it is trained by, if it has one."""
        name = self.study.plan_of(self.system)
        return self.plans / f"{name}.yaml" if name else None

    @property
    def start(self) -> "Trial | None":
        """The trial that has to be done before this one, whose model it begins with."""
        if self.system == START or not self.study.size.start_updates:
            return None
        return replace(self, system=START)

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        if self.system == START:
            return self.model.is_file()
        return all(path.is_file() for path in self.results.values())

    def steps(self) -> Iterator[tuple[str, list[str]]]:
        """(what it does, command) of each step that is left to do, in order."""
        if not self.model.is_file():
            yield "train", [*PROGRAM, "--config-dir", str(CONFIGS), "--config-name", self.study.training,
                            "hydra.output_subdir=null", f"hydra.run.dir={quoted(self.folder)}",
                            f"common.user_dir={quoted(PACKAGE)}", f"task.data={quoted(self.corpus)}",
                            "common.log_format=json", f"common.log_file={quoted(self.log)}",
                            f"common.cpu={str(self.device == 'cpu').lower()}",
                            "distributed_training.distributed_world_size=1",
                            f"checkpoint.save_dir={quoted(self.folder / 'checkpoints')}",
                            *([f"checkpoint.finetune_from_model={quoted(self.start.model)}"] if self.start else []),
                            *([f"++model.sharing_plan={quoted(self.plan)}"] if self.plan else []),
                            *self.study.of_training(self.system, self.seed)]
            yield "average", [sys.executable, "-W", "ignore", "-m", "mgcm_fairseq.commands.average",
                              str(self.folder / "checkpoints"), "--last", str(self.study.average), "--out",
                              str(self.model)]
        if self.system == START:
            return
        runs = [word for run in self.study.runs for word in ("--run", run)]
        for language, path in self.results.items():
            if not path.is_file():
                spoken = ["--source-lang", language] if language else []
                yield "evaluate", [sys.executable, "-W", "ignore", "-m", "mgcm_fairseq.commands.evaluate",
                                   "--checkpoint", str(self.model), "--corpus", str(self.corpus), *spoken, *runs,
                                   "--processes", "1", "--device", self.device, "--out", str(path.parent)]

    def environment(self, gpu: int) -> dict[str, str]:
        """For those commands. `gpu`: the GPU that a trial on one is given."""
        one_gpu = {"CUDA_VISIBLE_DEVICES": str(gpu)} if self.device == "cuda" else {}
        return {**os.environ, "PWD": str(HOME), "PYTHONWARNINGS": "ignore", "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1",
                **ALLOCATOR, **one_gpu}

    def claim(self) -> None:
        """Marks the folder as this trial's; InputError if it was begun with other options or another corpus."""
        plan = self.study.plan_of(self.system)
        claim(self.folder / "trial.json", {
            "training": self.study.training, "options": self.study.of_training(self.system, self.seed),
            "corpus": str(self.corpus.resolve()), "device": self.device, "average": self.study.average,
            "runs": list(self.study.runs), **begins_with(self.study, self.start),
            **({PLAN: plan, "plan_options": list(self.study.plan or ())} if plan else {})})


def begins_with(study: Study, start: Trial | None) -> dict[str, list[str]]:
    """For a claim: the options of the training that something begins with, if any."""
    return {"start": study.of_training(START, start.seed)} if start else {}


def begun(folder: Path) -> list[int]:
    """The seeds of which there is a trial in OUT/SIZE."""
    names = [path.parent.name for path in folder.glob("*-seed*/trial.json")]
    return sorted({int(number) for name in names if (number := name.rpartition("-seed")[2]).isdecimal()})


def claim(path: Path, wanted: dict[str, Any]) -> None:
    """Writes what a folder's trial is into a file of it; InputError if that holds something else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        write_whole(path, json.dumps(wanted, indent=1))
        return
    found = read_json(path)
    known = {key: wanted[key] for key in LATER_KEYS if key in wanted}
    if not isinstance(found, dict) or known | found != wanted:
        found = known | found if isinstance(found, dict) else {}
        named = next(key for key in [*wanted, *found] if found.get(key) != wanted.get(key))
        other_device = f"Pass --device {found[named]}, remove" if named == "device" and named in found else "Remove"
        raise InputError(path.parent, f"a trial with {named} {wanted.get(named, 'none')}",
                         str(found.get(named, "none")),
                         f"{other_device} the folder to train it anew, or choose another --out.")
