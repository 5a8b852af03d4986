"""Checkpoints and corpora that differ from the tiny ones."""

import torch

from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.corpus_record import KEY, CorpusRecord
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.data.vocabulary import dictionary_lines, train


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
    state = torch.load(checkpoint, weights_only=True)
    change(state)
    torch.save(state, path)
    return path


def without_record(checkpoint, path):
    """As versions wrote it that kept no vocabulary."""
    return changed(checkpoint, path, lambda state: state["task_state"].pop(KEY))
