"""The whole network: one encoder and one decoder serve SimulST, SimulASR and SimulMT."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mgcm_fairseq.core.conflict import PLAIN, Passing, Stream
from mgcm_fairseq.modules.ctc import Alignment, CTCHeads
from mgcm_fairseq.modules.decoder import Prefix, SharedDecoder
from mgcm_fairseq.modules.encoder import Memory, SharedEncoder


class TaskInputs(NamedTuple):
    """A training batch of B utterances; token matrices are right-padded."""

    waveform: Tensor  # (B, N) samples at 16 kHz
    waveform_lengths: Tensor  # (B,) samples
    transcript: Tensor  # (B, U) tokens and </s>: the source of MT
    transcript_lengths: Tensor  # (B,)
    transcript_prefix: Tensor  # (B, U) the source language's tag, then the transcript without </s>
    translation_prefix: Tensor  # (B, V) the target language's tag, then the translation without </s>


class TaskOutputs(NamedTuple):
    """Logits of the tasks that ran."""

    logits: dict[str, Tensor]  # task -> (B, U, vocabulary)
    alignments: dict[str, Alignment]  # of the CTC heads, where asked for


TASKS = ("st", "asr", "mt")
"""SimulST, the primary task, and its auxiliaries SimulASR and SimulMT (arXiv 2409.15911, section II)."""


class SimulSTNetwork(nn.Module):
    """Encoder, decoder and optional CTC heads."""

    def __init__(self, encoder: SharedEncoder, decoder: SharedDecoder, ctc: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.front_end_frozen = False
        self.ctc = CTCHeads(encoder.front_end.dim, encoder.embedding) if ctc else None

    def forward(self, inputs: TaskInputs, tasks: tuple[str, ...], ctc: bool, passing: Passing = PLAIN) -> TaskOutputs:
        """Runs the tasks named; ST and ASR share one pass of the encoder. `passing`: of a conflict engine, or plain."""
        encoder = self.encoder
        spoken = [task for task in ("st", "asr") if task in tasks or (ctc and task == ctc_task(tasks))]
        texts, alignments = [], {}
        to_encode: list[tuple[Stream, Tensor]] = []
        if spoken:
            features = self._hear(inputs, spoken, passing)
            embedded, frames = encoder.embed_speech(features, inputs.waveform_lengths, passing)
            to_encode.append((embedded, frames))
            if ctc:
                if self.ctc is None:
                    raise ValueError("CTC was asked for, but the model was built without its heads: pass --ctc.")
                branches = [passing.branch(stream, ctc_task(tasks)) for stream in (features, embedded)]
                alignments = self.ctc(branches[0], encoder.front_end.frames(inputs.waveform_lengths),
                                      branches[1], frames, passing)
        if "mt" in tasks:
            to_encode.append((encoder.embed_text(inputs.transcript, passing, "mt"), inputs.transcript_lengths))
        prefixes = {"st": inputs.translation_prefix, "asr": inputs.transcript_prefix, "mt": inputs.translation_prefix}
        for states, (_, lengths) in zip(encoder.run(to_encode, passing), to_encode, strict=True):
            mask = Memory(states.value, lengths).mask
            texts += [Prefix(task, prefixes[task], passing.branch(states, task), mask)
                      for task in states.tasks if task in tasks]
        logits = self.decoder.run(texts, passing)
        return TaskOutputs({text.task: of_task for text, of_task in zip(texts, logits, strict=True)}, alignments)

    def _hear(self, inputs: TaskInputs, tasks: Sequence[str], passing: Passing) -> Stream:
        if not self.front_end_frozen:
            return self.encoder.front_end(inputs.waveform, inputs.waveform_lengths, passing, tasks)
        with torch.no_grad():
            features = self.encoder.front_end(inputs.waveform, inputs.waveform_lengths, PLAIN, tasks)
        return passing.start(features.value, tasks)


def ctc_task(tasks: tuple[str, ...]) -> str:
    """The task that the CTC losses belong to: ASR, which they serve, or ST where it is not trained."""
    return "asr" if "asr" in tasks else "st"
