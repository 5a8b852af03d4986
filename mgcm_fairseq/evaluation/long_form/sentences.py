"""sentences.jsonl: what each reference of a re-segmented run was given, a line for each, which a comparison reads."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omnisteval import Instance as Sentence

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import is_number, parse_json, text_lines
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.languages import Unit
from mgcm_fairseq.evaluation.instances import LONGEST, RERUN

FILE = "sentences.jsonl"


def write_sentences(folder: Path, sentences: Sequence[Sentence], sources: Sequence[str]) -> None:
    """Writes folder/sentences.jsonl, in the words of OmniSTEval's instances.resegmented.jsonl.

    `sources`: the text of each sentence in the language that is spoken, which COMET asks for.
    """
    records = [{"index": one.index, "source": source, "prediction": one.prediction, "reference": one.reference,
                "emission_cu": one.emission_cu or [], "emission_ca": one.emission_ca or [],
                "source_length": one.source_length, "time_to_recording_end": one.time_to_recording_end}
               for one, source in zip(sentences, sources, strict=True)]
    write_whole(folder / FILE, "".join(f"{json.dumps(record)}\n" for record in records))


def read_sentences(folder: Path, references: Sequence[str], unit: Unit) -> list[Sentence]:
    """What `write_sentences` wrote, one for each reference; InputError for anything else."""
    path = folder / FILE
    if not path.is_file():
        raise InputError(path, "the sentences of a run", "no such file", RERUN)
    found: list[Sentence] = []
    for number, line in text_lines(path, RERUN):
        try:
            sentence = Sentence.from_dict(parse_json(line), unit)
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError((path, number), "a sentence as a JSON object", repr(line[:80]), RERUN) from error
        if len(found) == len(references) or not _is_whole(sentence, len(found), references[len(found)]):
            raise InputError((path, number), f"sentence {len(found)} of {len(references)}, with its reference and a "
                             "time for each of its words", repr(line[:80]), RERUN)
        found.append(sentence)
    if len(found) < len(references):
        raise InputError(path, f"{len(references)} sentences", str(len(found)), RERUN)
    return found


def _is_whole(one: Sentence, index: int, reference: str) -> bool:
    def times(values: Any) -> bool:
        return isinstance(values, list) and all(is_number(value) and abs(value) <= LONGEST for value in values)

    return (one.index == index and one.reference == reference and isinstance(one.prediction, str)
            and times(one.emission_cu) and times(one.emission_ca) and len(one.emission_cu) == len(one.emission_ca)
            and is_number(one.source_length, 0) and one.source_length > 0
            and (not one.emission_cu or is_number(one.time_to_recording_end, 0)))
