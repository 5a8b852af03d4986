"""The translation of a talk, cut into the references' sentences by OmniSTEval's SoftSegmenter (arXiv 2509.17349)."""

import warnings
from collections.abc import Sequence
from typing import Any

from omnisteval import Instance as Sentence
from omnisteval import Word
from omnisteval import resegment as soft_segmenter

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.languages import Unit, units
from mgcm_fairseq.data.manifest import Utterance
from mgcm_fairseq.evaluation.instances import Instance
from mgcm_fairseq.evaluation.long_form.talks import RecordedTalk


def resegment(talks: Sequence[RecordedTalk], translations: Sequence[Instance], unit: Unit) -> list[Sentence]:
    """A sentence for each reference, in the order of the talks.

    What it was given of its talk's words and their times, in ms from the sentence's start: below 0 for a word that was
    written before. Words are characters where `unit` is that. Moses' tokenizer is not used.

    Args:
        talks: the test set.
        translations: the log of each talk, in the same order.
    """
    words = [[Word(text, emission_cu=delay, emission_ca=elapsed) for text, delay, elapsed
              in zip(units(one.prediction, unit), one.delays, one.elapsed, strict=True)] for one in translations]
    spans = [span for talk in talks for span in _spans(talk)]
    references, reference_words = _references(talks, unit)
    with warnings.catch_warnings():  # it forks, which Python 3.12 warns of where there are threads
        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
        sentences, _ = soft_segmenter(reference_words, words, spans, references, char_level=unit == "char")
    return sentences


def reference(sentence: Utterance, unit: Unit) -> str:
    """The text as OmniSTEval compares it: characters have no spaces between them."""
    return sentence.tgt_text.strip() if unit == "word" else sentence.tgt_text.strip().replace(" ", "")


def _references(talks: Sequence[RecordedTalk], unit: Unit) -> tuple[list[str], list[list[Word]]]:
    """All sentences, and the words of each talk with the number of their sentence."""
    texts: list[str] = []
    words: list[list[Word]] = []
    for talk in talks:
        words.append([])
        for one in talk.sentences:
            text = reference(one, unit)
            words[-1] += [Word(word, seq_id=len(texts)) for word in units(text.lower(), unit)]
            texts.append(text)
    return texts, words


def _spans(talk: RecordedTalk) -> list[dict[str, Any]]:
    """Where the sentences lie in the talk, in ms. Its end is that of the last sentence, as OmniSTEval takes it."""
    def ms(samples: int) -> float:
        return samples / SAMPLE_RATE * 1000  # in the order in which OmniSTEval rounds

    spans = [{"offset": ms(one.audio.offset), "duration": ms(one.audio.length)} for one in talk.sentences]
    end = max(span["offset"] + span["duration"] for span in spans)
    return [{**span, "time_to_recording_end": end - span["offset"]} for span in spans]
