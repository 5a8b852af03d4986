"""The translation of a talk, cut into the references' sentences by OmniSTEval's SoftSegmenter (arXiv 2509.17349)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from omnisteval import Instance as Sentence
from omnisteval import Word
from omnisteval.tokenization import tokenize_words
from tqdm import tqdm

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.languages import Unit, units
from mgcm_fairseq.evaluation.instances import Instance
from mgcm_fairseq.evaluation.long_form.alignment import Job, align
from mgcm_fairseq.evaluation.long_form.talks import RecordedTalk
from mgcm_fairseq.preparation.parallel import ProcessPool

Run = TypeVar("Run")


def resegment_all(talks: Sequence[RecordedTalk], runs: Mapping[Run, Sequence[Instance]], unit: Unit,
                  processes: int) -> dict[Run, list[Sentence]]:
    """`resegment` for each run, several talks at a time, with their progress on the screen.

    OmniSTEval's own processes would wait for ever for one that was killed, as one of 2.5 GB for an hour may be.
    """
    jobs = (job for translations in runs.values() for job in _jobs(talks, translations, unit))
    with ProcessPool(processes, None, preload=[align.__module__]) as pool, \
            tqdm(total=len(runs) * len(talks), desc="re-segmenting", unit=" talks") as progress:
        aligned = []
        for words in pool.in_order(align, jobs):
            aligned.append(words)
            progress.update()
    of_talks = iter(aligned)
    return {run: _sentences(talks, islice(of_talks, len(talks)), unit) for run in runs}


def resegment(talks: Sequence[RecordedTalk], translations: Sequence[Instance], unit: Unit) -> list[Sentence]:
    """A sentence for each reference, in the order of the talks.

    What it was given of its talk's words and their times, in ms from the sentence's start: below 0 for a word that was
    written before. Words are characters where `unit` is that. Moses' tokenizer is not used.

    Args:
        talks: the test set.
        translations: the log of each talk, in the same order.
    """
    return _sentences(talks, map(align, _jobs(talks, translations, unit)), unit)


def as_compared(text: str, unit: Unit) -> str:
    """The text as OmniSTEval compares it: characters have no spaces between them, and none has any around."""
    return text.strip() if unit == "word" else text.strip().replace(" ", "")


def _jobs(talks: Sequence[RecordedTalk], translations: Sequence[Instance], unit: Unit) -> Iterator[Job]:
    for talk, one in zip(talks, translations, strict=True):
        words = [Word(text, emission_cu=delay, emission_ca=elapsed) for text, delay, elapsed
                 in zip(units(one.prediction, unit), one.delays, one.elapsed, strict=True)]
        of_references = [Word(word, seq_id=rank) for rank, sentence in enumerate(talk.sentences)
                         for word in units(as_compared(sentence.tgt_text, unit).lower(), unit)]
        yield (*tokenize_words([of_references, words], None), unit == "char")


def _sentences(talks: Sequence[RecordedTalk], aligned: Iterable[list[Word]], unit: Unit) -> list[Sentence]:
    """As OmniSTEval's `resegment` makes them of its words."""
    found: list[Sentence] = []
    for talk, words in zip(talks, aligned, strict=True):
        given: list[list[Word]] = [[] for _ in talk.sentences]
        for word in words:
            given[word.seq_id].append(word)
        for sentence, span, own in zip(talk.sentences, _spans(talk), given, strict=True):
            found.append(Sentence(
                prediction=(" " if unit == "word" else "").join(word.original for word in own),
                reference=as_compared(sentence.tgt_text, unit), latency_unit=unit, index=len(found),
                source_length=span["duration"] if span["duration"] > 0 else None, **_times(own, span)))
    return found


def _times(own: list[Word], span: dict[str, float]) -> dict[str, Any]:
    """Without a word there are none."""
    return {"emission_cu": [word.emission_cu - span["offset"] for word in own],
            "emission_ca": [word.emission_ca - span["offset"] for word in own],
            "time_to_recording_end": span["time_to_recording_end"]} if own else {}


def _spans(talk: RecordedTalk) -> list[dict[str, float]]:
    """Where the sentences lie in the talk, in ms. Its end is that of the last sentence, as OmniSTEval takes it."""
    def ms(samples: int) -> float:
        return samples / SAMPLE_RATE * 1000  # in the order in which OmniSTEval rounds

    spans = [{"offset": ms(one.audio.offset), "duration": ms(one.audio.length)} for one in talk.sentences]
    end = max(span["offset"] + span["duration"] for span in spans)
    return [{**span, "time_to_recording_end": end - span["offset"]} for span in spans]
