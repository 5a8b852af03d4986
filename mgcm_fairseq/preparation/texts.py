"""The sentences of a manifest without the manifest in memory, and which of their characters a vocabulary lacks."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import sentencepiece

from mgcm_fairseq.data.manifest import COLUMNS

_AT_A_TIME = 1000  # sentences normalised in one call


class Sentences:
    """Transcripts and translations, each pair together; can be gone through again."""

    def __init__(self, manifest: Path) -> None:
        self._manifest = manifest

    def __iter__(self) -> Iterator[str]:
        source, target = COLUMNS.index("src_text"), COLUMNS.index("tgt_text")
        with self._manifest.open(encoding="utf-8", newline="\n") as lines:
            for line in islice(lines, 1, None):
                fields = line.rstrip("\n").split("\t")
                yield fields[source]
                yield fields[target]


def unknown_characters(sentences: Iterator[str], model: bytes) -> tuple[int, int]:
    """How many different characters of the sentences, as SentencePiece normalises them, are no piece; how often."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    counts: Counter[str] = Counter()
    while some := list(islice(sentences, _AT_A_TIME)):
        counts.update(processor.normalize(" ".join(some)))
    unknown = [count for character, count in counts.items() if processor.piece_to_id(character) == processor.unk_id()]
    return len(unknown), sum(unknown)
