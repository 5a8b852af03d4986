"""The talks of a split: the wavs that its manifest names, and where in them the sentences lie."""

import json
import os
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import command
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.languages import Unit, units
from mgcm_fairseq.data.manifest import Utterance, read_manifest
from mgcm_fairseq.evaluation.processes import EvaluationSetting
from mgcm_fairseq.evaluation.test_sets import with_vocabulary

PACKS = "audio/*/pack_*.wav"  # the preparation's wavs of many talks, or of utterances without a talk


@dataclass(frozen=True)
class RecordedTalk:
    """A wav of the test set and its sentences by time."""

    wav: Path
    sentences: tuple[Utterance, ...]

    def text(self, unit: Unit) -> str:
        """All references as one text, as a translation of the talk is one."""
        texts = (" ".join(one.tgt_text.split()) for one in self.sentences)
        return (" " if unit == "word" else "").join(filter(None, texts))


def read_talks(corpus: Path, split: str) -> list[RecordedTalk]:
    """The talks of a prepared split in the order of its manifest.

    Raises InputError for wavs that are missing or packed, for two of the same name, and for talks without a reference.
    """
    manifest = corpus / f"{split}.tsv"
    found: dict[Path, list[Utterance]] = {}
    for one in read_manifest(manifest):
        found.setdefault(one.audio.path, []).append(one)
    talks = [RecordedTalk(wav, tuple(sorted(sentences, key=lambda one: one.audio.offset)))
             for wav, sentences in found.items()]
    stems: dict[str, Path] = {}
    for talk in talks:
        _check(talk, manifest)
        if stems.setdefault(talk.wav.stem, talk.wav) != talk.wav:
            raise InputError(manifest, "talks of different names, by which OmniSTEval knows them",
                             f"{talk.wav} and {stems[talk.wav.stem]}", "Rename one of the wavs and prepare again.")
    return talks


def source_texts(talks: Sequence[RecordedTalk]) -> list[str]:
    """The text of each sentence in the language that is spoken."""
    return [one.src_text for talk in talks for one in talk.sentences]


def talk_set(options: Namespace, folder: Path, unit: Unit) -> tuple[list[RecordedTalk], EvaluationSetting]:
    """The talks, and what the processes that translate need, of the options of an evaluation.

    `folder`: of the manifest.
    """
    talks = read_talks(folder, options.split)
    return talks, EvaluationSetting(
        options.checkpoint, with_vocabulary(options.corpus), tuple(str(talk.wav) for talk in talks),
        tuple(talk.text(unit) for talk in talks), options.source_segment_size, options.dtype, options.device,
        talks=True, source_lang=options.source_lang)


def write_for_omnisteval(folder: Path, talks: Sequence[RecordedTalk]) -> None:
    """Writes folder/talks.json and folder/references.txt, which `omnisteval longform` reads beside the log of a run."""
    sentences = [one for talk in talks for one in talk.sentences]
    write_whole(folder / "talks.json", json.dumps(
        [{"wav": one.audio.path.name, "offset": one.audio.offset / SAMPLE_RATE,
          "duration": one.audio.length / SAMPLE_RATE} for one in sentences], indent=0) + "\n")
    write_whole(folder / "references.txt", "".join(f"{one.tgt_text.strip()}\n" for one in sentences))


def _check(talk: RecordedTalk, manifest: Path) -> None:
    if talk.wav.match(PACKS):
        raise InputError(manifest, "a wav for each talk", f"the pack {talk.wav.name}",
                         "Prepare a corpus of talks, without --pack.")
    if not os.path.isfile(talk.wav):
        raise InputError(manifest, "wavs that are there", f"none at {talk.wav}",
                         f"Prepare the corpus again with {command('prepare')}.")
    if not any(units(one.tgt_text, "word") for one in talk.sentences):
        raise InputError(manifest, "a reference in each talk", f"none in {talk.wav.name}", "Complete the texts.")
