"""What depends on how a language is written: the unit of words or characters, and how its BLEU is tokenized."""

from dataclasses import dataclass
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


def units(text: str, unit: Unit) -> list[str]:
    """The words, or characters, of a text as SimulEval takes it apart: it drops spaces between characters."""
    return text.split() if unit == "word" else list(text.replace(" ", ""))
