"""Checkpoints and corpora that differ from the tiny ones, and fairseq's programs in this process."""

import sys
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import torch

from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.corpus_record import KEY, CorpusRecord
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.data.vocabulary import dictionary_lines, train
from tests.fixtures import training_command


def another_vocabulary(corpus, folder):
    """Writes a corpus with the audio and the texts of a prepared one, and as many pieces, but not the same."""
    config = CorpusConfig.read(corpus)
    texts = [text for one in read_manifest(corpus / "train.tsv") for text in (one.tgt_text.upper(), one.tgt_text)]
    size = len(CorpusRecord.read(corpus).vocabulary())
    model = train([*texts, *(one.src_text for one in read_manifest(corpus / "train.tsv"))], size,
                  (config.src_lang, config.tgt_lang))
    for name in ("data", "simuleval", *(path.name for path in corpus.glob("*.tsv"))):
        (folder / name).symlink_to(corpus / name)
    (folder / config.spm_filename).write_bytes(model)
    (folder / config.vocab_filename).write_text("".join(f"{line}\n" for line in dictionary_lines(model)), "utf-8")
    config.write(folder)
    assert len(CorpusRecord.read(folder).vocabulary()) == size
    return folder


def changed(checkpoint, path, change):
    """Writes to `path` the checkpoint as `change` leaves its content."""
    state = torch.load(checkpoint)
    change(state)
    torch.save(state, path)
    return path


def without_record(checkpoint, path):
    """As versions wrote it that kept no vocabulary."""
    return changed(checkpoint, path, lambda state: state["task_state"].pop(KEY))


@contextmanager
def arguments(*command):
    """sys.argv."""
    with patch.object(sys, "argv", [str(part) for part in command]):
        yield


def train_here(data, folder, updates, *more):
    """fairseq-train, without a new process."""
    from fairseq_cli.train import cli_main

    command = training_command(data, folder, updates, "--disable-validation", *(str(part) for part in more))
    del command[2:4]  # --user-dir: the task is registered
    with arguments(*command):
        cli_main()


def generate_here(data, checkpoint, folder):
    """fairseq-generate of tst-COMMON, without a new process; returns what it wrote."""
    from fairseq_cli.generate import cli_main

    with arguments("fairseq-generate", data, "--task", "simul_st", "--path", checkpoint, "--gen-subset", "tst-COMMON",
                   "--beam", "1", "--max-tokens", "160000", "--cpu", "--results-path", folder):
        cli_main()
    return (Path(folder) / "generate-tst-COMMON.txt").read_text(encoding="utf-8")
