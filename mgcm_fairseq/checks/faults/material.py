"""What the programs are given: the smallest spoken corpus, its sound at another rate, and checkpoints; made once."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import soundfile

from mgcm_fairseq.common.installation import HOME

SIZES = ("--train", "16", "--dev", "2", "--test", "3")
PIECES = "120"  # of the vocabulary
_FACTOR = 3  # by which samples are repeated: preparation then has to convert them
TRAINED = 12  # updates of the checkpoints that are averaged, translated with and exported


@dataclass(frozen=True)
class Material:
    """Paths of what was made."""

    folder: Path

    @property
    def spoken(self) -> Path:
        """A corpus in the layout of MuST-C, with 16 kHz wavs."""
        return self.folder / "spoken"

    @property
    def coarse(self) -> Path:
        """The same at 48 kHz, so that preparation converts it."""
        return self.folder / "coarse"

    @property
    def corpus(self) -> Path:
        """The first, prepared."""
        return self.spoken / "en-de"

    @property
    def checkpoints(self) -> Path:
        """A training's folder with three checkpoints by update."""
        return self.folder / "checkpoints"

    @property
    def checkpoint(self) -> Path:
        """One of them."""
        return self.checkpoints / "checkpoint_last.pt"


def training(corpus: Path, folder: Path, *more: str) -> list[str]:
    """A command line of fairseq-train for the tiny corpus."""
    return [str(Path(sys.executable).parent / "fairseq-train"), str(corpus), "--user-dir",
            str(HOME / "mgcm_fairseq"), "--task", "simul_st", "--arch", "simul_st_demo", "--criterion",
            "multitask_cross_entropy", "--ctc-weight", "1", "--segmentation-variant", "repaired", "--front-end-block",
            "320", "--valid-subset", "dev", "--max-tokens", "64000", "--num-workers", "0", "--cpu", "--optimizer",
            "adam", "--lr", "2e-3", "--clip-norm", "5", "--save-dir", str(folder), "--no-epoch-checkpoints",
            "--log-format", "simple", "--log-interval", "1", *more]


def make(folder: Path) -> Material:
    """Makes what is missing."""
    made = Material(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not (made.corpus / "prep_report.json").is_file():
        _run(sys.executable, "scripts/make_spoken_corpus.py", "--out", str(made.spoken), *SIZES)
        _run("bash", "scripts/prep_corpus.sh", "--corpus", "mustc", "--root", str(made.spoken), "--lang", "de",
             "--vocab-size", PIECES)
    if not made.coarse.is_dir():
        partial = folder / "coarse.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(made.spoken / "en-de" / "data", partial / "en-de" / "data")
        for wav in partial.rglob("*.wav"):
            samples, rate = soundfile.read(wav, dtype="int16")
            soundfile.write(wav, samples.repeat(_FACTOR), rate * _FACTOR, subtype="PCM_16")
        partial.rename(made.coarse)
    if not made.checkpoint.is_file():
        partial = folder / "checkpoints.partial"
        shutil.rmtree(partial, ignore_errors=True)
        _run(*training(made.corpus, partial, "--max-update", str(TRAINED), "--save-interval-updates",
                       str(TRAINED // 3), "--disable-validation"))
        partial.rename(made.checkpoints)
    return made


def foreign(made: Material) -> dict[str, Path]:
    """Whole checkpoints of other models: one of ours that is narrower, and one of fairseq's text translation."""
    other, theirs = made.folder / "other_architecture.pt", made.folder / "fairseq_translation.pt"
    if not other.is_file():
        folder = made.folder / "narrow"
        _run(*training(made.corpus, folder, "--max-update", "1", "--disable-validation", "--model-dim", "64"))
        (folder / "checkpoint_last.pt").rename(other)
    if not theirs.is_file():
        _translation_model(made, theirs)
    return {"another architecture": other, "fairseq's translation": theirs}


def _translation_model(made: Material, path: Path) -> None:
    """By fairseq-preprocess and fairseq-train on a few sentences of the corpus."""
    folder = made.folder / "translation"
    shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was interrupted
    folder.mkdir()
    texts = made.spoken / "en-de" / "data" / "train" / "txt"
    for language in ("en", "de"):
        shutil.copy(texts / f"train.{language}", folder / f"train.{language}")
    programs = Path(sys.executable).parent
    _run(str(programs / "fairseq-preprocess"), "-s", "en", "-t", "de", "--trainpref", str(folder / "train"),
         "--destdir", str(folder / "data"), "--workers", "1")
    _run(str(programs / "fairseq-train"), str(folder / "data"), "--arch", "transformer_iwslt_de_en", "--max-tokens",
         "200", "--cpu", "--optimizer", "adam", "--max-update", "1", "--disable-validation", "--save-dir", str(folder),
         "--encoder-embed-dim", "32", "--decoder-embed-dim", "32", "--encoder-layers", "1", "--decoder-layers", "1")
    (folder / "checkpoint_last.pt").rename(path)


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=HOME, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "PYTHON": sys.executable, "PYTHONWARNINGS": "ignore"})
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stdout[-2000:]}")
