"""Utterances as fairseq batches: waveforms, transcripts and translations, right-padded."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from fairseq.data import FairseqDataset
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mgcm_fairseq.data.audio_files import AudioFiles
from mgcm_fairseq.data.augmentation import STEPS, Augmentation, stretched
from mgcm_fairseq.data.batch import Batch, Item
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.length_grid import LengthGrid
from mgcm_fairseq.data.ragged import Ragged
from mgcm_fairseq.data.transcript_noise import TranscriptNoise
from mgcm_fairseq.data.vocabulary import Vocabulary
from mgcm_fairseq.data.windows import Drawn, Windows


class SpeechTranslationDataset(FairseqDataset):
    """Size of an item: (audio samples, target tokens). Item i is utterance i of the manifest; so is item ~i, as filler.
    """

    def __init__(self, utterances: Columns, vocabulary: Vocabulary, shuffle_seed: int | None = None,
                 augmentation: Augmentation | None = None, grid: LengthGrid | None = None,
                 windows: Windows | None = None, noise: TranscriptNoise | None = None,
                 src_langs: Sequence[str] = ()) -> None:
        """With a seed, as for training, utterances of equal length are shuffled.

        By this seed alone: fairseq's own depends on the epoch that training was resumed in, and with it batches would.
        Batches are padded up to the lengths of `grid`; without one, to their longest row. With `windows` an item is a
        window, which begins with utterance i. `noise` is on what MT reads. `src_langs`: the source languages that
        there may be; where there are several, batches say by their ranks which one each row is in.
        """
        self.utterances = utterances
        self.vocabulary = vocabulary
        self.shuffle_seed = shuffle_seed
        self.augmentation = augmentation
        self.grid = grid
        self.windows = windows
        self.noise = noise
        if windows is not None:
            windows.check(utterances)
        ranks = utterances.source_ranks(src_langs) if src_langs else None
        self.languages = ranks if len(src_langs) > 1 else None
        self.source_tags = utterances.src_langs.each(vocabulary.tag)
        self.target_tags = utterances.tgt_langs.each(vocabulary.tag)
        self.files = AudioFiles()
        self.longest = int(utterances.audio_lengths.max())  # samples that augmentation may make of an utterance
        self.transcripts, self.translations = Ragged(), Ragged()
        for texts, rows in (utterances.src_texts, self.transcripts), (utterances.tgt_texts, self.translations):
            for pieces in vocabulary.encode_all(texts):
                rows.add([*pieces, vocabulary.eos])
        self.set_epoch(1)

    def set_epoch(self, epoch: int) -> None:
        """Draws the windows of this epoch, and what augmentation does to each item, its length with it."""
        self.epoch = epoch
        self.drawn: Drawn | None = None
        lengths, self.tokens = self.utterances.audio_lengths, self.translations.lengths
        if self.windows is not None and epoch >= self.windows.first_epoch:
            self.drawn = self.windows.draw(self.utterances, epoch, self.longest)
            lengths = np.where(self.drawn.begins, self.drawn.lengths, lengths)
            until = np.concatenate([[0], self.translations.lengths.cumsum()])
            self.tokens = until[self.drawn.behind] - until[:-1]
        self.audio_lengths = lengths
        if self.augmentation:
            self.draws = self.augmentation.draw(lengths, epoch, self.longest)
            self.audio_lengths = stretched(lengths, self.draws.speed)

    def __len__(self) -> int:
        return len(self.utterances)

    def audio_files(self) -> set[Path]:
        """Every file that utterances lie in."""
        names = self.utterances.wavs.distinct
        return {self.utterances.folder / names[index] for index in range(len(names))}

    def __getitem__(self, index: int) -> Item:
        filler, index = index < 0, max(index, ~index)
        path, start, length = self.utterances.span(index)
        held, lead_in = range(index, index + 1), 0
        if self.windows is None or self.drawn is None:
            samples = self.files.read(path, start, length)
        else:
            samples = self.windows.samples(self.drawn, index, partial(self.files.read, path))
            held, lead_in = range(index, int(self.drawn.behind[index])), int(self.drawn.lead_in[index])
        if self.augmentation:
            samples = self.augmentation.apply(samples, index, self.draws)
            lead_in = lead_in * STEPS // int(self.draws.speed[index])
        spelling = self.vocabulary.spell(" ".join(self.utterances.src_texts[one] for one in held))
        return {"id": index, "filler": filler, "waveform": torch.from_numpy(samples), "lead_in": lead_in,
                "spelling": torch.tensor(spelling, dtype=torch.long), "transcript": _joined(self.transcripts, held),
                "source": self._source(held), "translation": _joined(self.translations, held)}

    def _source(self, held: range) -> Tensor | None:
        if self.noise is None:
            return None
        noisy = [self.noise.apply(self.transcripts[index], index, self.epoch) for index in held]
        return torch.from_numpy(np.concatenate(noisy)).long()

    def collater(self, items: list[Item]) -> Batch:
        """A batch; for no utterances, of which fairseq has batches too, an empty one."""
        if not items:
            return cast(Batch, {})
        items = sorted(items, key=lambda item: -len(item["waveform"]))
        ids = np.array([item["id"] for item in items])
        transcript, transcript_lengths = self._pad([item["transcript"] for item in items])
        sources = [item["source"] for item in items if item["source"] is not None]
        source, source_lengths = self._pad(sources) if sources else (None, None)
        spelling, spelling_lengths = self._pad([item["spelling"] for item in items])
        target, target_lengths = self._pad([item["translation"] for item in items])
        waveforms = [item["waveform"] for item in items]
        longest = int(self._padded(len(waveforms[0])))
        return {
            "id": torch.from_numpy(ids),
            "filler": items[0]["filler"],
            "nsentences": len(items),
            "ntokens": int(target_lengths.sum()),
            "net_input": {"src_tokens": _stack(waveforms, longest, 0),
                          "src_lengths": torch.tensor([len(waveform) for waveform in waveforms])},
            "lead_in": None if self.drawn is None else torch.tensor([item["lead_in"] for item in items]),
            "language": None if self.languages is None else torch.from_numpy(self.languages[ids]),
            "spelling": spelling,
            "spelling_lengths": spelling_lengths,
            "transcript": transcript,
            "transcript_lengths": transcript_lengths,
            "source": source,
            "source_lengths": source_lengths,
            "transcript_prefix": self._prefix(transcript, transcript_lengths, self.source_tags[ids]),
            "target": target,
            "target_prefix": self._prefix(target, target_lengths, self.target_tags[ids]),
            "references": [self.utterances.tgt_texts[item["id"]] for item in items],
        }

    def _pad(self, rows: list[Tensor]) -> tuple[Tensor, Tensor]:
        lengths = torch.tensor([len(row) for row in rows])
        longest = int(lengths.max())
        size = longest if self.grid is None else int(self.grid.tokens(longest))
        return _stack(rows, size, self.vocabulary.pad), lengths

    def _padded(self, lengths: np.ndarray | int) -> np.ndarray:
        return np.asarray(lengths) if self.grid is None else self.grid.samples(lengths)

    def _prefix(self, tokens_BU: Tensor, lengths_B: Tensor, tags_B: np.ndarray) -> Tensor:
        """Behind each row's own tag, without its last </s>; those between the utterances of a window stay."""
        padding = torch.arange(tokens_BU.size(1)) >= lengths_B.unsqueeze(1)
        prefix = tokens_BU.roll(1, dims=1).masked_fill(padding, self.vocabulary.pad)
        prefix[:, 0] = torch.from_numpy(tags_B)
        return prefix

    def num_tokens(self, index: int) -> int:
        """Samples, with what the grid adds: --max-tokens counts audio."""
        return int(self._padded(self.audio_lengths[index]))

    def num_tokens_vec(self, indices: np.ndarray) -> np.ndarray:
        return self._padded(self.audio_lengths[indices])

    def cap_grid(self, most: int | None) -> None:
        """Keeps the grid from raising a length above `most` samples, such as --max-tokens."""
        if self.grid is not None:
            self.grid = LengthGrid(most)

    def batch_by_size(self, indices: np.ndarray, max_tokens: int | None = None, max_sentences: int | None = None,
                      required_batch_size_multiple: int = 1) -> list[Any]:
        """fairseq's batches of utterances in ascending order; on a grid they are filled from the longest on.

        A batch then has as many rows as its length allows, so that there is one number of rows for each length.
        """
        limits = max_tokens, max_sentences, required_batch_size_multiple
        if self.grid is None:
            return super().batch_by_size(indices, *limits)  # type: ignore[no-any-return]  # fairseq has no types
        return [batch[::-1] for batch in super().batch_by_size(indices[::-1], *limits)][::-1]

    def size(self, index: int) -> tuple[int, int]:
        return int(self.audio_lengths[index]), int(self.tokens[index])

    @property
    def sizes(self) -> np.ndarray:
        """(utterances, 2): audio samples and target tokens, for fairseq's length filter."""
        return np.stack([self.audio_lengths, self.tokens], axis=1)

    def filter_indices_by_size(self, indices: np.ndarray, max_sizes: tuple[int, int]) -> tuple[np.ndarray, list[int]]:
        """The indices of utterances within (samples, target tokens), and those of the others."""
        fits = (self.sizes[indices] <= max_sizes).all(axis=1)
        return indices[fits], indices[~fits].tolist()

    def ordered_indices(self) -> np.ndarray:
        """Shortest audio first, so that a batch holds utterances of like length."""
        order = np.arange(len(self))
        if self.shuffle_seed is not None:
            order = np.random.RandomState(self.shuffle_seed).permutation(len(self))
        if self.drawn is not None:
            order = order[self.drawn.begins[order]]
        return order[np.argsort(self.audio_lengths[order], kind="stable")]


def _joined(rows: Ragged, held: range) -> Tensor:
    return torch.from_numpy(np.concatenate([rows[index] for index in held])).long()


def _stack(rows: list[Tensor], size: int, value: int) -> Tensor:
    """(rows, size) with `value` behind each row."""
    first = F.pad(rows[0], (0, size - len(rows[0])), value=value)
    return pad_sequence([first, *rows[1:]], batch_first=True, padding_value=value)
