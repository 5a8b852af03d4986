"""StreamLAAL (arXiv 2406.03049): LAAL of the sentences into which mWERSegmenter cuts the translation of a talk."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec

from omnisteval import Instance as Sentence
from omnisteval.scoring import LAALScorer

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.languages import Unit, units
from mgcm_fairseq.evaluation.instances import Instance
from mgcm_fairseq.evaluation.long_form.resegmentation import as_compared
from mgcm_fairseq.evaluation.long_form.talks import RecordedTalk

NAME = "StreamLAAL"
NAMES = (NAME, f"{NAME}_CA")
_RESERVED = {"###": "##", "</s>": "<-s>"}  # to mweralign the end of one of several references, and of a sentence
_SPACE = re.compile("[ \t\n\v\f\r]")  # which ends a word of its; in a text of characters it is one


def has_mweralign() -> bool:
    """Whether the extra `simulstream` is installed, as far as this score needs it."""
    return find_spec("mweralign") is not None


class Uncountable(Exception):  # noqa: N818 - the user has done nothing wrong
    """mweralign's text of a talk has other words than the translation."""


def stream_laal(talks: Sequence[RecordedTalk], translations: Sequence[Instance], unit: Unit) -> dict[str, float | None]:
    """StreamLAAL and StreamLAAL_CA in ms: the mean over sentences that were given a word; None without any.

    Version 2.0, as simulstream computes it: mweralign cuts the text. Needs `has_mweralign`. Raises Uncountable.
    """
    sentences = [sentence for talk, one in zip(talks, translations, strict=True)
                 for sentence in _cut(talk, one, unit)]
    values = {name: LAALScorer(computation_aware=aware)(sentences)
              for name, aware in zip(NAMES, (False, True), strict=True)}
    return {name: None if value != value else value for name, value in values.items()}


def _cut(talk: RecordedTalk, translation: Instance, unit: Unit) -> Iterator[Sentence]:
    from mweralign import align_texts

    references = [as_compared(one.tgt_text, unit) for one in talk.sentences]
    tokens = _tokens(translation.prediction, unit)
    with _silent_stderr():
        cut = align_texts("\n".join(_text(_tokens(one, unit)) for one in references), _text(tokens))
    counts = [sum(token != "" for token in line.split(" ")) for line in cut.split("\n")]
    counts += [0] * (len(references) - len(counts))  # it drops an empty last reference
    if (len(counts), sum(counts)) != (len(references), len(tokens)):
        raise Uncountable(f"of {talk.wav.name} mweralign made {sum(counts)} words in {len(counts)} sentences, of "
                          f"{len(tokens)} in {len(references)}")
    written, first, start = units(translation.prediction, unit), 0, 0
    for count, text, one in zip(counts, references, talk.sentences, strict=True):
        end = start + sum(len(units(token, unit)) for token in tokens[first:first + count])
        offset = one.audio.offset / SAMPLE_RATE * 1000
        yield Sentence(prediction=(" " if unit == "word" else "").join(written[start:end]),
                       reference=" ".join(text.split()), latency_unit=unit,
                       source_length=one.audio.length / SAMPLE_RATE * 1000,
                       emission_cu=[delay - offset for delay in translation.delays[start:end]],
                       emission_ca=[delay - offset for delay in translation.elapsed[start:end]])
        first, start = first + count, end


def _tokens(text: str, unit: Unit) -> list[str]:
    """What mweralign is to take for a word; where there are none, letters beside each other are one."""
    if unit == "word":
        return units(text, unit)
    from mweralign.segmenter import CJSegmenter

    return CJSegmenter().encode("".join(units(text, unit)))


def _text(tokens: Iterable[str]) -> str:
    """As mweralign reads it: what it would take for something else than a word is written as a word of its own."""
    return " ".join(_RESERVED.get(token.lower()) or _SPACE.sub("_", token) for token in tokens)


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """mweralign's compiled part writes two lines for each talk."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
