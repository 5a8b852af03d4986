"""What a checkpoint carries of its corpus: languages, the whole vocabulary, and what it knows of the training set."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import command
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.languages import source_languages
from mgcm_fairseq.data.vocabulary import Vocabulary

KEY = "corpus"  # of the record in a task's state
_NOT_NAMES = ("", "..", "config.yaml")  # of a vocabulary file
REMEDY = ("Leave --corpus out where it may be. Else use a corpus with the checkpoint's vocabulary: "
          f"{command('export')} writes its config.yaml and two vocabulary files, to be copied over the corpus's.")


@dataclass(frozen=True)
class CorpusRecord:
    """Languages and vocabulary of a prepared corpus. `origin`, for messages, is its folder or a checkpoint."""

    origin: Path
    config: CorpusConfig
    model: bytes  # of SentencePiece
    dictionary: bytes  # of fairseq
    preparation: str = ""  # fingerprint of the training manifest; empty where it is not known
    longest: int = 0  # samples at 16 kHz of the longest utterance of training; 0 where it is not known
    on_windows: bool | None = None  # whether items were windows that can hold more than one utterance; None: not known

    @classmethod
    def read(cls, folder: Path) -> "CorpusRecord":
        """Of a prepared corpus; raises InputError if a file is missing or broken."""
        config = CorpusConfig.read(folder)
        paths = folder / config.spm_filename, folder / config.vocab_filename
        for path in paths:
            if not os.path.isfile(path):  # False for a name that no file can have
                raise InputError(path, "a vocabulary file", "no such file", "Prepare the corpus again.")
        model, dictionary = (path.read_bytes() for path in paths)
        return cls(folder, config, model, dictionary)

    @classmethod
    def of_state(cls, task_state: Any, origin: Path) -> "CorpusRecord | None":
        """Of a checkpoint's `task_state`; None where it has no record, as before they were kept."""
        kept = task_state.get(KEY) if isinstance(task_state, Mapping) else None
        if kept is None:
            return None
        if not _is_whole(kept):
            raise InputError(origin, "the vocabulary and languages of its corpus inside", f"{kept!r:.80}",
                             "The file was changed: take another copy of it.")
        source_languages(kept["config"]["src_lang"], origin)
        return cls(origin, CorpusConfig(**kept["config"]), kept["model"], kept["dictionary"], kept["preparation"],
                   kept.get("longest", 0), kept.get("on_windows"))

    def state(self) -> dict[str, Any]:
        """What `of_state` reads, of plain values, which load without running code."""
        return {"config": asdict(self.config), "model": self.model, "dictionary": self.dictionary,
                "preparation": self.preparation, "longest": self.longest,
                "on_windows": self.on_windows}

    @property
    def fingerprint(self) -> str:
        """Of the vocabulary."""
        return fingerprint(self.model)

    @property
    def files(self) -> dict[str, bytes]:
        """Name -> content of what a folder needs to be a corpus with this vocabulary."""
        return {"config.yaml": self.config.text().encode(), self.config.vocab_filename: self.dictionary,
                self.config.spm_filename: self.model}

    def vocabulary(self) -> Vocabulary:
        """Raises InputError if a file is broken, or if the two disagree."""
        return Vocabulary(self.origin / self.config.spm_filename, self.origin / self.config.vocab_filename,
                          (self.model, self.dictionary))

    def check_same(self, other: "CorpusRecord", remedy: str = REMEDY) -> None:
        """InputError unless the `other`, which is to be used with this one's checkpoint, has its vocabulary."""
        ours, theirs = self._described(), other._described()
        if ours != theirs:
            raise InputError(other.origin, f"{ours}, which {self.origin} was trained with", theirs, remedy)

    def _described(self) -> str:
        return f"vocabulary {self.fingerprint} for {self.config.src_lang} to {self.config.tgt_lang}"


def fingerprint(content: bytes) -> str:
    """Sixteen hexadecimal digits of its SHA-256."""
    return hashlib.sha256(content).hexdigest()[:16]


def _is_whole(kept: Any) -> bool:
    """Whether a record has its parts, and names files that can only lie in the folder they are written into."""
    if not isinstance(kept, dict) or not isinstance(kept.get("config"), dict):
        return False
    config = kept["config"]
    names = [config.get("vocab_filename"), config.get("spm_filename")]
    return (set(config) == {field.name for field in fields(CorpusConfig)}
            and all(isinstance(config.get(name), str) for name in ("src_lang", "tgt_lang"))
            and isinstance(config["sample_rate"], int)
            and all(isinstance(name, str) and name == Path(name).name and name not in _NOT_NAMES for name in names)
            and all(isinstance(kept.get(part), bytes) for part in ("model", "dictionary"))
            and isinstance(kept.get("preparation"), str)
            and type(kept.get("longest", 0)) is int and kept.get("longest", 0) >= 0  # older checkpoints have none
            and isinstance(kept.get("on_windows"), bool | None))
