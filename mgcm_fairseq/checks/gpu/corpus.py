"""A corpus to train on: the user's, or one that is spoken here."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

from mgcm_fairseq.checks.gpu.setting import GpuSetting, Row
from mgcm_fairseq.common.installation import HOME
from mgcm_fairseq.data.columns import Columns

UTTERANCES = {False: {"train": 3000, "dev": 100, "test": 100}, True: {"train": 40, "dev": 7, "test": 7}}
VOCABULARY = {False: 800, True: 200}  # pieces


def corpus(setting: GpuSetting) -> Iterator[Row]:
    """Its size, and how long it took where it had to be made."""
    began = time.monotonic()
    if not (setting.corpus / "train.tsv").is_file():
        root = setting.corpus.parent
        sizes = [word for split, count in UTTERANCES[setting.quick].items() for word in (f"--{split}", str(count))]
        _run(sys.executable, "scripts/make_spoken_corpus.py", "--out", str(root), *sizes)
        _run("bash", "scripts/prep_corpus.sh", "--corpus", "mustc", "--root", str(root), "--lang", "de", "--vocab-size",
             str(VOCABULARY[setting.quick]))
    train = Columns(setting.corpus / "train.tsv")
    yield {"folder": str(setting.corpus), "utterances": len(train),
           "hours": round(float(train.audio_lengths.sum()) / 16_000 / 3600, 3),
           "seconds": round(time.monotonic() - began, 1)}


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=HOME, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "PYTHON": sys.executable})
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stdout[-2000:]}")
