"""Everything that reads a checkpoint."""

import importlib
import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mgcm_fairseq.checks.faults.material import Material, training
from mgcm_fairseq.checks.faults.programs import average, fairseq_train, log_as_fairseq, module
from mgcm_fairseq.checks.process import Entry
from mgcm_fairseq.common.installation import HOME


@dataclass(frozen=True)
class Reader:
    """A program that is given the checkpoint `file`, in a folder of its own."""

    name: str
    command: Callable[[Material, Path, Path], list[str]]  # for a checkpoint, and a folder to write into
    entry: Entry
    file: str = "given.pt"


def _train(*more: str) -> Callable[[Material, Path, Path], list[str]]:
    return lambda made, file, out: training(
        made.corpus, file.parent if not more else out / "run", "--max-update", "20", "--disable-validation",
        *(word.replace("FILE", str(file)) for word in more))


def _averaged(made: Material, file: Path, out: Path) -> list[str]:
    for path in made.checkpoints.glob("checkpoint_*_*.pt"):
        if path.name != file.name:
            (file.parent / path.name).symlink_to(path)
    return ["average", str(file.parent), "--last", "3", "--out", str(out / "model.pt")]


def _report() -> None:
    runpy.run_path(str(HOME / "scripts" / "segmentation_report.py"), run_name="__main__")


def _generate() -> None:
    log_as_fairseq()
    importlib.import_module("fairseq_cli.generate").cli_main()


READERS = (
    Reader("resumed training", _train(), fairseq_train, "checkpoint_last.pt"),
    Reader("fine-tuning", _train("--finetune-from-model", "FILE"), fairseq_train),
    Reader("averaging", _averaged, average, "checkpoint_1_8.pt"),
    Reader("evaluation", lambda made, file, out: [
        "evaluate", "--checkpoint", str(file), "--corpus", str(made.corpus), "--run", "wait-segment:1", "--out",
        str(out / "run")], module("mgcm_fairseq.commands.evaluate")),
    Reader("export", lambda made, file, out: [
        "export", "--checkpoint", str(file), "--corpus", str(made.corpus), "--policy", "wait-segment", "--out",
        str(out / "system"), "--", "--lag", "3"], module("mgcm_fairseq.commands.export")),
    Reader("translation", lambda made, file, out: [
        "translate", "--checkpoint", str(file), "--corpus", str(made.corpus),
        str(next((made.corpus / "simuleval" / "dev").glob("*.wav")))], module("mgcm_fairseq.commands.translate")),
    Reader("segment report", lambda made, file, out: [
        "report", "--checkpoint", str(file), "--corpus", str(made.corpus), "--out", str(out / "report.json")], _report),
    Reader("fairseq-generate", lambda made, file, out: [
        str(Path(sys.executable).parent / "fairseq-generate"), str(made.corpus), "--user-dir",
        str(HOME / "mgcm_fairseq"), "--task", "simul_st", "--path", str(file), "--gen-subset", "dev", "--cpu",
        "--max-tokens", "160000"], _generate),
)
