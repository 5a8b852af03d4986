"""What depends on how a language is written: the unit of words or characters, and how its BLEU is tokenized."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mgcm_fairseq.common.errors import InputError

Unit = Literal["word", "char"]  # as simuleval's --eval-latency-unit takes it
UNITS: dict[Unit, str] = {"word": "words", "char": "characters"}  # as tables name them

_WITHOUT_SPACES = {"zh": "zh", "yue": "zh", "ja": "char"}  # sacreBLEU's tokenizers; ja-mecab wants one more package
_NOT_SUPPORTED = ("th", "lo", "km", "my")  # without spaces too, but a letter is no unit of them, nor is a piece


@dataclass(frozen=True)
class Language:
    """How text of a language is cut and counted."""

    spaced: bool  # whether words have spaces between them
    tokenizer: str  # of sacreBLEU, as --sacrebleu-tokenizer of simuleval and fairseq-generate takes it

    @property
    def unit(self) -> Unit:
        """What has a delay."""
        return "word" if self.spaced else "char"


def language(code: str) -> Language:
    """Of a code such as `de`, `zh` or `zh-CN`; InputError for a language without spaces that nothing here can count."""
    main = code.lower().replace("_", "-").split("-")[0]
    if main in _NOT_SUPPORTED:
        raise InputError("language", "one whose words have spaces between them, or one of "
                         f"{', '.join(_WITHOUT_SPACES)}", repr(code), "Its words cannot be counted here.")
    return Language(main not in _WITHOUT_SPACES, _WITHOUT_SPACES.get(main, "13a"))


def source_languages(text: str, where: str | Path = "--src-lang") -> tuple[str, ...]:
    """Of one code, or of several with commas between.

    InputError for several of which one is no plain name or stands there twice, and for languages with and without
    spaces in one corpus: a piece of their vocabulary would begin a word in one of them and not in the other.
    """
    codes = tuple(text.split(","))
    if len(codes) == 1:
        return codes
    if len(set(codes)) < len(codes) or not all(re.fullmatch(r"[\w-]+", code) for code in codes):
        raise InputError(where, "codes of languages with commas between, each once", repr(text), "Write e.g. en,fr,it.")
    spaced = [code for code in codes if language(code).spaced]
    if len(spaced) not in (0, len(codes)):
        raise InputError(where, "source languages that all have spaces between words, or all none: each piece of the "
                         "vocabulary that they share begins a word or does not",
                         f"{', '.join(spaced)} with spaces, {', '.join(sorted({*codes} - {*spaced}))} without",
                         "Prepare a corpus for each kind.")
    return codes


def units(text: str, unit: Unit) -> list[str]:
    """The words, or characters, of a text as SimulEval takes it apart: it drops spaces between characters."""
    return text.split() if unit == "word" else list(text.replace(" ", ""))
