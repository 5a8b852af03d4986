"""The test set of an evaluation: what is translated, and by what it is known again."""

import hashlib
import io
import os
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import command
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.corpus_record import CorpusRecord
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.data.simuleval_lists import read_list
from mgcm_fairseq.evaluation.processes import EvaluationSetting

PREPARE = f"Prepare it with {command('prepare')}."


def own_folder(options: Namespace, config: CorpusConfig) -> Path:
    """The folder of the test set's manifest and lists; sets --source-lang, where the checkpoint knows one language.

    In a corpus of several languages it is that of the direction. InputError for a language that the checkpoint, whose
    `config` it is, does not know, and for a test set with sentences in another one.
    """
    given, options.source_lang = options.source_lang, config.source(options.source_lang)
    own = options.corpus / config.pair(options.source_lang)
    folder: Path = own if len(config.src_langs) > 1 and os.path.isdir(own) else options.corpus
    if given is not None:
        Columns(folder / f"{options.split}.tsv").source_ranks([given])
    return folder


def test_set(options: Namespace, folder: Path) -> tuple[list[str], EvaluationSetting]:
    """Transcripts, and what the processes that translate need, of the options of an evaluation.

    `folder`: of manifest and lists.
    """
    utterances = read_manifest(folder / f"{options.split}.tsv")
    listed = _list(folder, options.split)
    if not os.path.isfile(listed):
        raise InputError(listed, "SimulEval's list of wavs", "no such file", PREPARE)
    wavs = read_list(listed)
    if len(wavs) != len(utterances):
        raise InputError(listed, f"{len(utterances)} wavs as in the manifest", str(len(wavs)), PREPARE)
    missing = [(number, wav) for number, wav in enumerate(wavs, start=1) if not os.path.isfile(wav)]
    if missing:
        raise InputError((listed, missing[0][0]), "a wav file", f"none at {missing[0][1]}", PREPARE)
    references = tuple(one.tgt_text.strip() for one in utterances)  # SimulEval strips them
    return [one.src_text for one in utterances], EvaluationSetting(
        options.checkpoint, with_vocabulary(options.corpus), tuple(wavs), references, options.source_segment_size,
        options.dtype, options.device, source_lang=options.source_lang)


def with_vocabulary(corpus: Path) -> Path | None:
    """A corpus that has a vocabulary of its own, which is to be the checkpoint's; a test set needs none."""
    return corpus if os.path.exists(corpus / "config.yaml") else None


def identity(corpus: Path, manifest: Path, wavs: Sequence[str], record: CorpusRecord) -> str:
    """Changes with the texts, the vocabulary, and the names and sizes of the wavs.

    `record`: the checkpoint's, for a corpus that has no vocabulary of its own.
    """
    paths = {corpus / name: content for name, content in record.files.items()}
    vocabulary = [path if os.path.exists(path) else content for path, content in paths.items()]
    sizes = " ".join(f"{Path(wav).name}:{Path(wav).stat().st_size}" for wav in wavs)
    return digest([manifest, *vocabulary], sizes)


def digest(files: Iterable[Path | bytes], more: str = "") -> str:
    """Sixteen hexadecimal digits of the SHA-256 of what is in the files."""
    whole = hashlib.sha256(more.encode())
    for one in files:
        with io.BytesIO(one) if isinstance(one, bytes) else one.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()[:16]


def _list(folder: Path, split: str) -> Path:
    return folder / "simuleval" / f"{split}.source"
