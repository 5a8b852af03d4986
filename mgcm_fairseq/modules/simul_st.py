"""The whole network: one encoder and one decoder serve SimulST, SimulASR and SimulMT."""

from typing import NamedTuple

from torch import Tensor, nn

from mgcm_fairseq.modules.ctc import Alignment, CTCHeads
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
    alignments: dict[str, Alignment]  # of the CTC heads, where asked for


TASKS = ("st", "asr", "mt")
"""SimulST, the primary task, and its auxiliaries SimulASR and SimulMT (arXiv 2409.15911, section II)."""


class SimulSTNetwork(nn.Module):
    """Encoder, decoder and optional CTC heads."""

    def __init__(self, encoder: SharedEncoder, decoder: SharedDecoder, ctc: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.ctc = CTCHeads(encoder.front_end.dim, encoder.embedding) if ctc else None

    def forward(self, inputs: TaskInputs, tasks: tuple[str, ...], ctc: bool) -> TaskOutputs:
        """Runs the tasks named; ST and ASR share one pass of the encoder."""
        logits, alignments = {}, {}
        if "st" in tasks or "asr" in tasks or ctc:
            features, frames = self.encoder.front_end(inputs.waveform, inputs.waveform_lengths)
            embedded = self.encoder.embed_speech(features, frames)
            speech = self.encoder.run(*embedded)
            if "st" in tasks:
                logits["st"] = self.decoder(inputs.translation_prefix, speech)
            if "asr" in tasks:
                logits["asr"] = self.decoder(inputs.transcript_prefix, speech)
            if ctc:
                if self.ctc is None:
                    raise ValueError("CTC was asked for, but the model was built without its heads: pass --ctc.")
                alignments = self.ctc(features, frames, *embedded)
        if "mt" in tasks:
            text = self.encoder.text(inputs.transcript, inputs.transcript_lengths)
            logits["mt"] = self.decoder(inputs.translation_prefix, text)
        return TaskOutputs(logits, alignments)
