"""StreamLAAL (arXiv 2406.03049): LAAL of the sentences into which mWERSegmenter cuts the translation of a talk."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec

from omnisteval import Instance as Sentence
from omnisteval.scoring import LAALScorer

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.languages import Unit, units
from mgcm_fairseq.evaluation.instances import Instance
from mgcm_fairseq.evaluation.long_form.resegmentation import reference
from mgcm_fairseq.evaluation.long_form.talks import RecordedTalk

NAME = "StreamLAAL"
SEPARATOR = "###"  # mweralign takes it for the end of one of several references


def has_mweralign() -> bool:
    """Whether the extra `simulstream` is installed, as far as this score needs it."""
    return find_spec("mweralign") is not None


def stream_laal(talks: Sequence[RecordedTalk], translations: Sequence[Instance], unit: Unit) -> dict[str, float | None]:
    """StreamLAAL and StreamLAAL_CA in ms: the mean over sentences that were given a word; None without any.

    Version 2.0, as simulstream computes it: mweralign cuts the text. Needs `has_mweralign`.
    """
    sentences = [sentence for talk, one in zip(talks, translations, strict=True)
                 for sentence in _cut(talk, one, unit)]
    values = {f"{NAME}{suffix}": LAALScorer(computation_aware=aware)(sentences)
              for suffix, aware in (("", False), ("_CA", True))}
    return {name: None if value != value else value for name, value in values.items()}


def _cut(talk: RecordedTalk, translation: Instance, unit: Unit) -> Iterator[Sentence]:
    from mweralign import align_texts
    from mweralign.segmenter import CJSegmenter

    def tokens(text: str) -> str:
        words = units(text, "word") if unit == "word" else CJSegmenter().encode(text)
        return " ".join("##" if word == SEPARATOR else word for word in words)

    references = [reference(one, unit) for one in talk.sentences]
    with _silent_stderr():
        lines = align_texts("\n".join(map(tokens, references)), tokens(translation.prediction)).split("\n")
    start = 0
    for line, text, one in zip(lines, references, talk.sentences, strict=True):
        end = start + len(units(line, unit))
        offset = one.audio.offset / SAMPLE_RATE * 1000
        yield Sentence(prediction=line, reference=" ".join(text.split()), latency_unit=unit,
                       source_length=one.audio.length / SAMPLE_RATE * 1000,
                       emission_cu=[delay - offset for delay in translation.delays[start:end]],
                       emission_ca=[delay - offset for delay in translation.elapsed[start:end]])
        start = end
    if start != len(translation.delays):
        raise InputError(talk.wav, f"{len(translation.delays)} words from mweralign", str(start),
                         "Uninstall mweralign: the table then comes without StreamLAAL.")


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
