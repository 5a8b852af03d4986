"""Utterances as fairseq batches: waveforms, transcripts and translations, right-padded."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq.data import FairseqDataset
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mgcm_fairseq.data.manifest import Utterance
from mgcm_fairseq.data.vocabulary import Vocabulary


class SpeechTranslationDataset(FairseqDataset):
    """Size of an item: (audio samples, target tokens). Item i is utterance i of the manifest."""

    def __init__(self, utterances: list[Utterance], vocabulary: Vocabulary,
                 shuffle_seed: int | None = None) -> None:
        """With a seed, as for training, utterances of equal length are shuffled.

        By this seed alone: fairseq's own depends on the epoch that training was resumed in, and with it batches would.
        """
        self.utterances = utterances
        self.vocabulary = vocabulary
        self.shuffle_seed = shuffle_seed
        self.transcripts = [self._tokens(row.src_text) for row in utterances]
        self.translations = [self._tokens(row.tgt_text) for row in utterances]
        self.frames = np.array([row.n_frames for row in utterances])

    def _tokens(self, text: str) -> np.ndarray:
        return np.array([*self.vocabulary.encode(text), self.vocabulary.eos], dtype=np.int32)

    def __len__(self) -> int:
        return len(self.utterances)

    def audio_files(self) -> set[Path]:
        """Every file that utterances lie in."""
        return {row.audio.path for row in self.utterances}

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"id": index, "waveform": torch.from_numpy(self.utterances[index].audio.read()),
                "spelling": torch.tensor(self.vocabulary.spell(self.utterances[index].src_text), dtype=torch.long),
                "transcript": torch.from_numpy(self.transcripts[index]).long(),
                "translation": torch.from_numpy(self.translations[index]).long()}

    def collater(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        """A batch, longest audio first.

        `net_input` is what generation reads; `spelling` is the transcript's letters for CTC; `transcript` and `target`
        end with </s>; each prefix is its tokens moved right behind the language tag.
        """
        if not samples:
            return {}
        samples = sorted(samples, key=lambda sample: -len(sample["waveform"]))
        utterance = self.utterances[samples[0]["id"]]
        transcript, transcript_lengths = self._pad([sample["transcript"] for sample in samples])
        spelling, spelling_lengths = self._pad([sample["spelling"] for sample in samples])
        target, target_lengths = self._pad([sample["translation"] for sample in samples])
        waveforms = [sample["waveform"] for sample in samples]
        return {
            "id": torch.tensor([sample["id"] for sample in samples]),
            "nsentences": len(samples),
            "ntokens": int(target_lengths.sum()),
            "net_input": {"src_tokens": pad_sequence(waveforms, batch_first=True),
                          "src_lengths": torch.tensor([len(waveform) for waveform in waveforms])},
            "spelling": spelling,
            "spelling_lengths": spelling_lengths,
            "transcript": transcript,
            "transcript_lengths": transcript_lengths,
            "transcript_prefix": self._prefix(transcript, utterance.src_lang),
            "target": target,
            "target_prefix": self._prefix(target, utterance.tgt_lang),
            "references": [self.utterances[sample["id"]].tgt_text for sample in samples],
        }

    def _pad(self, rows: list[Tensor]) -> tuple[Tensor, Tensor]:
        return (pad_sequence(rows, batch_first=True, padding_value=self.vocabulary.pad),
                torch.tensor([len(row) for row in rows]))

    def _prefix(self, tokens_BU: Tensor, language: str) -> Tensor:
        prefix = tokens_BU.roll(1, dims=1).masked_fill(tokens_BU.roll(1, dims=1) == self.vocabulary.eos,
                                                       self.vocabulary.pad)
        prefix[:, 0] = self.vocabulary.tag(language)
        return prefix

    def num_tokens(self, index: int) -> int:
        """Samples: --max-tokens counts audio."""
        return int(self.frames[index])

    def num_tokens_vec(self, indices: np.ndarray) -> np.ndarray:
        return self.frames[indices]

    def size(self, index: int) -> tuple[int, int]:
        return int(self.frames[index]), len(self.translations[index])

    @property
    def sizes(self) -> np.ndarray:
        """(utterances, 2): audio samples and target tokens, for fairseq's length filter."""
        return np.stack([self.frames, [len(row) for row in self.translations]], axis=1)

    def ordered_indices(self) -> np.ndarray:
        """Shortest audio first, so that a batch holds utterances of like length."""
        order = np.arange(len(self))
        if self.shuffle_seed is not None:
            order = np.random.RandomState(self.shuffle_seed).permutation(len(self))
        return order[np.argsort(self.frames[order], kind="stable")]
