"""Random weights that write as many words as a trained model would.

Weights that were not trained end a sentence at once or never, and segment at random. So the scores that decoder and
segmenter have computed, all of whose work is done, are overruled: after n pieces the n-th of a list of one-piece words
is the best, or </s> once there are RATE pieces to each second of the speech that this position sees; and a segment ends
every 1 / RATE seconds (shifted, where prefixes are encoded as if they were the whole). Every translation is thus the
beginning of a later one, as far as its audio reaches. What is not overruled is attention, which is about even with such
weights: AlignAtt and EDAtt hold back less or more than they would in earnest, and translate again, at each step, as
many pieces as they held back.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.decoding.system import System

RATE = 2.5  # words, each of one piece, and segments in a second of speech
SURE = 1e3  # beyond any score that the weights give


class Pacing:
    """Overrules the scores of a system's network while it is there, and counts the decoder's passes."""

    def __init__(self, system: System) -> None:
        encoder, vocabulary = system.network.encoder, system.vocabulary
        self.words: Sequence[int] = [index for index, piece in enumerate(vocabulary.pieces) if piece[0] == "▁" != piece]
        self.eos = vocabulary.eos
        self.frames_per_word = SAMPLE_RATE / RATE / encoder.frame_samples
        self.in_blocks = encoder.front_end.block > 0
        self.passes = self.frames = 0
        self._hooks = [system.network.decoder.register_forward_hook(self._write)]
        if encoder.segmenter is not None:
            self._hooks.append(encoder.segmenter.register_forward_hook(self._segment))

    def start(self) -> None:
        """A new utterance begins."""
        self.passes = self.frames = 0

    def end(self) -> None:
        """Lets the scores be as they are."""
        for hook in self._hooks:
            hook.remove()

    def _write(self, decoder: nn.Module, inputs: tuple[Any, ...], logits_BUV: Tensor) -> None:
        """inputs: tokens, memory, cache and, for wait-segment, what each position sees of the memory."""
        self.passes += 1
        memory, cache, *mask = inputs[1:]
        seen = int(mask[0][0, 0, -1].sum()) if mask else memory.states.size(1)
        written = cache["0.self.k"].size(2) - 1  # less the language tag
        logits_BUV[:, -1, self.words[written % len(self.words)]] += SURE
        if written >= seen / self.frames_per_word:
            logits_BUV[:, -1, self.eos] += 2 * SURE

    def _segment(self, segmenter: nn.Module, inputs: tuple[Tensor], logits_BT: Tensor) -> Tensor:
        """With a front end in blocks the frames follow those of the call before; else they are all."""
        known = self.frames if self.in_blocks else 0
        self.frames = known + logits_BT.size(1)
        ends = torch.arange(known + 1, self.frames + 1, device=logits_BT.device)
        last_of_word = (ends / self.frames_per_word).floor() > ((ends - 1) / self.frames_per_word).floor()
        return torch.where(last_of_word, SURE, -SURE).to(logits_BT).expand_as(logits_BT)
