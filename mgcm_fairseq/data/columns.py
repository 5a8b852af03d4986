"""A manifest by column: some 400 bytes an utterance, which all loader processes of a machine share."""

import os
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import AudioSpan
from mgcm_fairseq.data.manifest import Utterance, read_rows
from mgcm_fairseq.data.ragged import Repeated, Texts


class Columns(Sequence[Utterance]):
    """The utterances of a manifest in its order; each is made when it is asked for."""

    def __init__(self, path: Path) -> None:
        """Reads a manifest; raises InputError with file:line for anything malformed."""
        self.path, self.folder = path, path.parent
        self.ids, self.src_texts, self.tgt_texts = Texts(), Texts(), Texts()
        self.wavs, self.speakers, self.src_langs, self.tgt_langs = Repeated(), Repeated(), Repeated(), Repeated()
        offsets, lengths = array("q"), array("q")
        for row, (wav, offset, length) in read_rows(path):
            self.ids.add(row["id"])
            self.wavs.add(wav)
            offsets.append(offset)
            lengths.append(length)
            self.src_texts.add(row["src_text"])
            self.tgt_texts.add(row["tgt_text"])
            self.speakers.add(row["speaker"])
            self.src_langs.add(row["src_lang"])
            self.tgt_langs.add(row["tgt_lang"])
        for column in (self.wavs, self.speakers, self.src_langs, self.tgt_langs):
            column.close()
        self.offsets = np.frombuffer(offsets, np.int64)
        self.audio_lengths = np.frombuffer(lengths, np.int64)

    def source_ranks(self, known: Sequence[str]) -> NDArray[np.int64]:
        """(utterances,) the rank of each one's source language among those known; InputError for another one."""
        ranks = self.src_langs.each(lambda code: known.index(code) if code in known else -1)
        if (ranks < 0).any():
            first = int(ranks.argmin())
            raise InputError((self.path, first + 2), f"speech in {' or '.join(known)}", repr(self.src_langs[first]),
                             "Correct --src-lang, or --source-lang, or prepare the corpus again.")
        return ranks

    def __len__(self) -> int:
        return len(self.audio_lengths)

    def span(self, index: int) -> tuple[str, int, int]:
        """Path, first sample and number of samples."""
        return os.path.join(self.folder, self.wavs[index]), int(self.offsets[index]), int(self.audio_lengths[index])

    @overload
    def __getitem__(self, index: int) -> Utterance: ...

    @overload
    def __getitem__(self, index: slice) -> list[Utterance]: ...

    def __getitem__(self, index: int | slice) -> Utterance | list[Utterance]:
        if isinstance(index, slice):
            return [self[row] for row in range(len(self))[index]]
        index = range(len(self))[index]
        length = int(self.audio_lengths[index])
        audio = AudioSpan(self.folder / self.wavs[index], int(self.offsets[index]), length)
        return Utterance(self.ids[index], audio, length, self.src_texts[index], self.tgt_texts[index],
                         self.speakers[index], self.src_langs[index], self.tgt_langs[index])
