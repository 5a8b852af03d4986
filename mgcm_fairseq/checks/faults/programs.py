"""The programs that are disturbed: how each is called, how far it is, and what it must not lose."""

import importlib
import logging
import re
import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mgcm_fairseq.checks.faults.material import PIECES, Material, training
from mgcm_fairseq.checks.process import Entry
from mgcm_fairseq.common.installation import HOME
from mgcm_fairseq.compat import load_checkpoint, statistics_when_used


@dataclass(frozen=True)
class Program:
    """Writes into a folder `out`, and goes on where it stopped when it is called again."""

    name: str
    command: Callable[[Material, Path], list[str]]  # for `out`
    progress: str  # regular expression: the last match in the output says how far it is
    entry: Entry | None = None  # what a fork calls; None: the command is cheap enough
    kept: Callable[[Path], set[str]] = lambda out: set()  # what is finished, and must be as it is in the end
    resumes: Callable[[Path], str] = lambda out: ""  # what the next run must say
    once: bool = False  # a finished `out` is refused, and stays as it is
    while_writing: str = ""  # a file: the moment is drawn from when such a file is being written

    def say(self, text: str) -> str:
        """How far it was, by its output."""
        found = re.findall(self.progress, text)
        return str(found[-1]).strip() if found else "begun"


def _bash(script: str, *arguments: str | Path) -> list[str]:
    return ["bash", str(HOME / "scripts" / script), *map(str, arguments)]


def _preparation(source: Callable[[Material], Path], *more: str) -> Callable[[Material, Path], list[str]]:
    return lambda made, out: _bash("prep_corpus.sh", "--corpus", "mustc", "--root", source(made), "--out", out,
                                   "--lang", "de", "--vocab-size", PIECES, *more)


def _finished_audio(out: Path) -> set[str]:
    """Wavs that are recorded, with their times of change: they are not to be written again."""
    wavs = [path.with_suffix(".wav") for path in out.glob("audio/*/*.json")]
    return {f"{wav.relative_to(out)} of {wav.stat().st_mtime_ns}" for wav in wavs}


def _train(*more: str) -> Callable[[Material, Path], list[str]]:
    return lambda made, out: training(made.corpus, out, "--conflict-log", str(out / "conflicts.jsonl"),
                                      "--conflict-log-interval", "2", *more)


def _goes_on(out: Path) -> str:
    """The words with which fairseq says where it goes on."""
    last = out / "checkpoint_last.pt"
    return f"@ {load_checkpoint(last)['optimizer_history'][-1]['num_updates']} updates" if last.is_file() else ""


def _sentences(out: Path) -> set[str]:
    """Those that are in a log."""
    lines = [(path.parent.name, line) for path in out.glob("runs/*/instances.*")
             for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    return {f"{run} {line}" for run, line in lines}


def module(name: str) -> Entry:
    """What `python -m NAME` runs; processes that it spawns import it again."""
    def run() -> None:
        module = sys.modules["__main__"] = importlib.import_module(name)
        sys.exit(module.main())

    return run


def average() -> None:
    """scripts/average_checkpoints.py."""
    runpy.run_path(str(HOME / "scripts" / "average_checkpoints.py"), run_name="__main__")


def log_as_fairseq() -> None:
    """Its programs set logging up when they are imported, unless that was done before."""
    logging.basicConfig(format="%(asctime)s | %(levelname)s | %(name)s | %(message)s", level="INFO", stream=sys.stdout,
                        force=True)


def fairseq_train() -> None:
    """The program of this name."""
    log_as_fairseq()
    importlib.import_module("fairseq_cli.train").cli_main()


PREPARED = r"(?m)^(\S.*: (?:done|up to date))$"
TRAINED = r"(?:num_updates |\bupdate )(\d+)"

PROGRAMS = {program.name: program for program in (
    Program("preparation", _preparation(lambda made: made.coarse, "--processes", "2"), PREPARED, kept=_finished_audio),
    Program("packing", _preparation(lambda made: made.spoken, "--pack", "--processes", "1"), PREPARED,
            kept=_finished_audio),
    Program("training", _train("--max-update", "9", "--save-interval-updates", "4", "--keep-interval-updates", "1",
                               "--conflict-rule", "gradvac", "--disable-validation"),
            TRAINED, fairseq_train, resumes=_goes_on),
    Program("checkpoint writing", _train("--max-update", "5", "--save-interval-updates", "1", "--keep-interval-updates",
                                         "2", "--keep-best-checkpoints", "2", "--conflict-rule", "mgcm"),
            TRAINED, fairseq_train, resumes=_goes_on, while_writing="*.pt.tmp"),
    Program("averaging", lambda made, out: [
        sys.executable, str(HOME / "scripts" / "average_checkpoints.py"), str(made.checkpoints), "--last", "3",
        "--out", str(out / "model.pt")], r"mean of", average),
    Program("evaluation", lambda made, out: _bash(
        "evaluate.sh", "--checkpoint", made.checkpoint, "--corpus", made.corpus, "--run", "wait-segment:1,3", "--run",
        "offline:1", "--processes", "1", "--out", out), r"(\d+/\d+) \[", module("mgcm_fairseq.commands.evaluate"),
            kept=_sentences),
    Program("export", lambda made, out: _bash(
        "export_system.sh", "--checkpoint", made.checkpoint, "--corpus", made.corpus, "--policy", "wait-segment",
        "--out", out / "system", "--", "--lag", "3"), r"system: ", module("mgcm_fairseq.commands.export"), once=True),
)}
"""By name."""


def import_everything() -> None:
    """What the programs import, before they are forked."""
    with statistics_when_used():
        importlib.import_module("fairseq_cli.train")
    for name in ("mgcm_fairseq.tasks", "mgcm_fairseq.commands.evaluate", "mgcm_fairseq.commands.export",
                 "mgcm_fairseq.models.averaging", "torch._dynamo"):
        importlib.import_module(name)
