"""One training of a study, a trial: its folder, and the commands that train, average and evaluate it."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS, HOME, PACKAGE
from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.recipes.launch import PROGRAM, quoted
from mgcm_fairseq.studies.study import START, Study

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
    def results(self) -> Path:
        """Of its evaluation, which is its last step."""
        return self.folder / "evaluation" / "results.json"

    @property
    def start(self) -> "Trial | None":
        """The trial that has to be done before this one, whose model it begins with."""
        if self.system == START or not self.study.size.start_updates:
            return None
        return replace(self, system=START)

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.model.is_file() if self.system == START else self.results.is_file()

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
                            *self.study.of_training(self.system, self.seed)]
            yield "average", [sys.executable, "-W", "ignore", "-m", "mgcm_fairseq.commands.average",
                              str(self.folder / "checkpoints"), "--last", str(self.study.average), "--out",
                              str(self.model)]
        if not self.done:
            runs = [word for run in self.study.runs for word in ("--run", run)]
            yield "evaluate", [sys.executable, "-W", "ignore", "-m", "mgcm_fairseq.commands.evaluate", "--checkpoint",
                               str(self.model), "--corpus", str(self.corpus), *runs, "--processes", "1", "--device",
                               self.device, "--out", str(self.results.parent)]

    def environment(self, gpu: int) -> dict[str, str]:
        """For those commands. `gpu`: the GPU that a trial on one is given."""
        one_gpu = {"CUDA_VISIBLE_DEVICES": str(gpu)} if self.device == "cuda" else {}
        return {**os.environ, "PWD": str(HOME), "PYTHONWARNINGS": "ignore", "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1",
                **ALLOCATOR, **one_gpu}

    def claim(self) -> None:
        """Marks the folder as this trial's; InputError if it was begun with other options or another corpus."""
        path, wanted = self.folder / "trial.json", {
            "training": self.study.training, "options": self.study.of_training(self.system, self.seed),
            "corpus": str(self.corpus.resolve()), "device": self.device, "average": self.study.average,
            "runs": list(self.study.runs)}
        self.folder.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            write_whole(path, json.dumps(wanted, indent=1))
            return
        found = read_json(path)
        if found != wanted:
            differing = next(key for key in wanted if not isinstance(found, dict) or found.get(key) != wanted[key])
            raise InputError(self.folder, f"a trial with {differing} {wanted[differing]}",
                             str(found.get(differing) if isinstance(found, dict) else found),
                             "Remove the folder to train it anew, or choose another --out.")
