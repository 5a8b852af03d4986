"""The whole network: one encoder and one decoder serve SimulST, SimulASR and SimulMT."""

from typing import NamedTuple

from torch import Tensor, nn

from mgcm_fairseq.modules.decoder import SharedDecoder
from mgcm_fairseq.modules.encoder import SharedEncoder


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
    ctc: tuple[Tensor, Tensor] | None  # (B, T, vocabulary) logits and (B,) frames


TASKS = ("st", "asr", "mt")
"""SimulST, the primary task, and its auxiliaries SimulASR and SimulMT (arXiv 2409.15911, section II)."""


class SimulSTNetwork(nn.Module):
    """Encoder, decoder and an optional CTC head on the front end's features."""

    def __init__(self, encoder: SharedEncoder, decoder: SharedDecoder, ctc: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.ctc_head = nn.Linear(encoder.front_end.dim, decoder.output.out_features) if ctc else None

    def forward(self, inputs: TaskInputs, tasks: tuple[str, ...], ctc: bool) -> TaskOutputs:
        """Runs the tasks named; ST and ASR share one pass of the encoder."""
        logits, alignment = {}, None
        if "st" in tasks or "asr" in tasks or ctc:
            features, frames = self.encoder.front_end(inputs.waveform, inputs.waveform_lengths)
            speech = self.encoder.from_features(features, frames)
            if "st" in tasks:
                logits["st"] = self.decoder(inputs.translation_prefix, speech)
            if "asr" in tasks:
                logits["asr"] = self.decoder(inputs.transcript_prefix, speech)
            if ctc:
                if self.ctc_head is None:
                    raise ValueError("CTC was asked for, but the model was built without a CTC head.")
                alignment = self.ctc_head(features), frames
        if "mt" in tasks:
            text = self.encoder.text(inputs.transcript, inputs.transcript_lengths)
            logits["mt"] = self.decoder(inputs.translation_prefix, text)
        return TaskOutputs(logits, alignment)
