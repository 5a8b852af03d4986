"""The config.yaml beside a prepared corpus: languages, vocabulary and SentencePiece model."""

import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import yaml

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import command
from mgcm_fairseq.common.read_text import read_text
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.languages import source_languages


@dataclass(frozen=True)
class CorpusConfig:
    """File names are relative to the folder of config.yaml, so that the folder can move."""

    src_lang: str  # of several source languages all, with commas between; their order numbers them
    tgt_lang: str
    sample_rate: int  # Hz
    vocab_filename: str  # fairseq dictionary, one joint vocabulary for all languages
    spm_filename: str  # SentencePiece model

    @property
    def src_langs(self) -> tuple[str, ...]:
        """The source languages, in the corpus's order."""
        return tuple(self.src_lang.split(","))

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that the vocabulary has tags for: the source languages, and the target language behind them."""
        return tuple(dict.fromkeys((*self.src_langs, self.tgt_lang)))

    def source(self, given: str | None, where: str = "--source-lang") -> str:
        """The source language that is `given`, or the only one there is.

        InputError, which names `where` it is given, for one that is not known, and for none where several are.
        """
        known = self.src_langs
        if given is None and len(known) == 1:
            return known[0]
        if given is None or given not in known:
            raise InputError(where, f"the source language, one of {', '.join(known)}",
                             "none" if given is None else repr(given), "Pass the language that is spoken.")
        return given

    def pair(self, source: str) -> str:
        """The name of the folder of one direction, such as en-de, in a corpus of several."""
        return f"{source}-{self.tgt_lang}"

    def write(self, folder: Path) -> None:
        """Writes folder/config.yaml."""
        write_whole(folder / "config.yaml", self.text())

    def text(self) -> str:
        """What config.yaml holds."""
        return yaml.safe_dump(asdict(self), sort_keys=False)

    @classmethod
    def read(cls, folder: Path) -> "CorpusConfig":
        """Reads folder/config.yaml; raises InputError if it is missing or its keys are not exactly these."""
        path = folder / "config.yaml"
        if not os.path.isfile(path):
            raise InputError(path, "the configuration of a prepared corpus", "no such file",
                             f"Run {command('prepare')} and pass the folder that it names.")
        try:
            found = yaml.safe_load(read_text(path, "Prepare the corpus again."))
        except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: of a date or number that is none
            if isinstance(error, InputError):
                raise
            raise InputError(path, "YAML", " ".join(str(error).split()), "Prepare the corpus again.") from error
        names = {field.name for field in fields(cls)}
        if not isinstance(found, dict) or set(found) != names:
            keys = sorted(map(str, found)) if isinstance(found, dict) else type(found).__name__
            raise InputError(path, f"exactly the keys {sorted(names)}", str(keys), "Prepare the corpus again.")
        for field in fields(cls):
            kind = getattr(field.type, "__name__", str(field.type))
            if type(found[field.name]).__name__ != kind:
                raise InputError(path, f"{field.name} as {kind}", repr(found[field.name]), "Prepare the corpus again.")
        for name in ("vocab_filename", "spm_filename"):
            if found[name] != Path(found[name]).name or not found[name]:
                raise InputError(path, f"{name} as a file in this folder", repr(found[name]),
                                 "Put the file there: a checkpoint carries it along under its name.")
        if found["sample_rate"] != SAMPLE_RATE:
            raise InputError(path, f"sample_rate {SAMPLE_RATE}, that of all audio here", repr(found["sample_rate"]),
                             "Prepare the corpus again.")
        source_languages(found["src_lang"], path)
        return cls(**found)


def language_tag(language: str) -> str:
    """The symbol that starts a hypothesis in `language`, e.g. `<lang:de>`."""
    return f"<lang:{language}>"
