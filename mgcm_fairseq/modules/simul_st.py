"""The whole network: one encoder and one decoder serve SimulST, SimulASR and SimulMT."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mgcm_fairseq.core.conflict import PLAIN, Passing, Stream
from mgcm_fairseq.core.segmentation import Variant, expected_waiting
from mgcm_fairseq.core.units import unit_starts
from mgcm_fairseq.modules.ctc import Alignment, CTCHeads
from mgcm_fairseq.modules.decoder import Prefix, SharedDecoder
from mgcm_fairseq.modules.encoder import SharedEncoder
from mgcm_fairseq.modules.lead_in import source_without, stream_without
from mgcm_fairseq.modules.lengths import valid_mask
from mgcm_fairseq.modules.schedule import Phase
from mgcm_fairseq.modules.source import Memory, Source


class TaskInputs(NamedTuple):
    """A training batch of B utterances; token matrices are right-padded."""

    waveform: Tensor  # (B, N) samples at 16 kHz
    waveform_lengths: Tensor  # (B,) samples
    transcript: Tensor  # (B, U) tokens and </s>
    transcript_lengths: Tensor  # (B,)
    transcript_prefix: Tensor  # (B, U) the source language's tag, then the transcript without </s>
    translation_prefix: Tensor  # (B, V) the target language's tag, then the translation without </s>
    lead_in: Tensor | None = None  # (B,) samples that the encoder alone hears; None for none anywhere
    source: Tensor | None = None  # (B, U') what MT reads, and </s>; None for the transcript
    source_lengths: Tensor | None = None  # (B,)
    language: Tensor | None = None  # (B,) the source language of each, by its rank in the corpus's; None where one is

    @property
    def read(self) -> tuple[Tensor, Tensor]:
        """What MT reads, (B, U') tokens and </s>, and (B,) lengths."""
        if self.source is None or self.source_lengths is None:
            return self.transcript, self.transcript_lengths
        return self.source, self.source_lengths


class Segmented(NamedTuple):
    """What the segmenter's losses read, for the first of the tasks that hear."""

    logits: Tensor  # (B, T) of what is counted as boundaries, without noise
    frames: Tensor  # (B,)
    boundaries: Tensor  # (B, T) bool, inside the utterance: not at its last frame
    speech: Tensor  # (B, T, D) embedded speech
    text: Tensor  # (B, U, D) embedded transcript
    text_lengths: Tensor  # (B,) pieces, without </s>
    word_starts: Tensor  # (B, U) bool, True where a piece of the transcript begins a word
    variant: Variant  # by which all this is counted
    update: int


class Paired(NamedTuple):
    """Speech, for the task that CTC's losses belong to, and its text as MT reads it, which gets no gradient."""

    speech: Tensor  # (B, T, D) what the shared encoder's layers are to read, without positions
    speech_states: Tensor  # (B, T, D) what they make of it
    frames: Tensor  # (B,) or streaks, where speech is shrunk
    text: Tensor  # (B, U, D)
    text_states: Tensor  # (B, U, D)
    tokens: Tensor  # (B,)


class TaskOutputs(NamedTuple):
    """Logits of the tasks that ran."""

    logits: dict[str, Tensor]  # task -> (B, U, vocabulary)
    alignments: dict[str, Alignment]  # of the CTC heads, where asked for
    segmented: Segmented | None  # where attention is segmented
    paired: Paired | None = None  # where asked for


TASKS = ("st", "asr", "mt")
"""SimulST, the primary task, and its auxiliaries SimulASR and SimulMT (arXiv 2409.15911, section II)."""


class SimulSTNetwork(nn.Module):
    """Encoder, decoder and optional CTC heads."""

    target_kinds: Tensor

    def __init__(self, encoder: SharedEncoder, decoder: SharedDecoder, target_kinds: Tensor, ctc: bool,
                 differentiable_waiting: bool) -> None:
        """`target_kinds`: (vocabulary,) int64, what pieces do to the units of the target (core.kinds)."""
        super().__init__()
        self.register_buffer("target_kinds", target_kinds, persistent=False)
        self.encoder = encoder
        self.decoder = decoder
        self.ctc = CTCHeads(encoder.front_end.dim, encoder.embedding) if ctc else None
        if encoder.shrinker is not None and self.ctc is not None:
            encoder.shrinker.label = self.ctc.heard
        self.differentiable_waiting = differentiable_waiting

    def forward(self, inputs: TaskInputs, tasks: tuple[str, ...], ctc: bool, phase: Phase,
                passing: Passing = PLAIN, paired: bool = False) -> TaskOutputs:
        """Runs the tasks named; ST and ASR share one pass of the encoder.

        Args:
            passing: of a conflict engine, or plain.
            paired: of speech and MT, give back the states in pairs.
        """
        encoder = self.encoder
        spoken = [task for task in ("st", "asr") if task in tasks or (ctc and task == ctc_task(tasks))]
        alignments, segmented = {}, None
        cut = None if inputs.lead_in is None else inputs.lead_in // encoder.frame_samples
        sources: list[Source] = []
        if spoken:
            features = self._hear(inputs, spoken, phase, passing)
            embedded, frames = encoder.embed_speech(features, inputs.waveform_lengths, passing)
            if ctc:
                alignments = self._align(inputs, features, embedded, frames, ctc_task(tasks), passing)
            sources.append(encoder.speech_source(embedded, frames, phase, passing, inputs.language))
            if cut is not None and sources[0].ends is not None:
                cut = (sources[0].valid & (sources[0].ends <= cut.unsqueeze(1))).sum(1)  # streaks that end before it
            behind = sources[0] if cut is None else source_without(sources[0], cut, encoder.segmenter, passing)
            if phase.segmented:
                segmented = self._segmented(inputs, behind, phase, passing)
        if "mt" in tasks:
            sources.append(encoder.text_source(*inputs.read, phase, passing, inputs.language))
        encoded = encoder.run(sources, passing)
        if spoken and cut is not None:
            encoded[0], sources[0] = stream_without(encoded[0], cut, passing), behind
        prefixes = {"st": inputs.translation_prefix, "asr": inputs.transcript_prefix, "mt": inputs.translation_prefix}
        texts = []
        for states, source in zip(encoder.remember(encoded, passing), sources, strict=True):
            memory = Memory(states.value, source.lengths, source.units)
            for task in states.tasks:
                if task in tasks:
                    mask = self._memory_mask(memory, prefixes[task], source, task, phase, passing)
                    texts.append(Prefix(task, prefixes[task], passing.branch(states, task), mask))
        logits = self.decoder.run(texts, passing)
        pairs = _pairs(sources, encoded, ctc_task(tasks), passing) if paired else None
        return TaskOutputs({text.task: of_task for text, of_task in zip(texts, logits, strict=True)}, alignments,
                           segmented, pairs)

    def lag_mask(self, memory: Memory, prefix_BU: Tensor, lag: int | None, task: str = "st") -> Tensor:
        """(B, 1, U or 1, T) bool: what the decoder may see at each position of a task's prefix under a lag."""
        if lag is None:
            return memory.mask
        variant, written = self.encoder.segmenting.variant, self.units_written(prefix_BU, task)
        return variant.wait_mask(memory.units, memory.lengths, written, lag)

    def units_written(self, prefix_BU: Tensor, task: str = "st") -> Tensor:
        """(B, U) units, as the variant counts them, before each position of a task's prefix."""
        kinds = self.encoder.source_kinds if task == "asr" else self.target_kinds
        return self.encoder.segmenting.variant.units_written(unit_starts(kinds[prefix_BU]))

    def _memory_mask(self, memory: Memory, prefix_BU: Tensor, source: Source, task: str, phase: Phase,
                     passing: Passing) -> Stream | Tensor:
        """As `lag_mask`, or in training, where asked for, the expected mask that carries gradients to the segmenter."""
        lag, logits = phase.lag, source.logits
        if lag is None or logits is None or not (self.training and self.differentiable_waiting):
            return self.lag_mask(memory, prefix_BU, lag, task)
        written = self.units_written(prefix_BU, task)
        [mask] = passing.run(partial(self._expect, lag, memory.states.dtype),
                             [(passing.branch(logits, task), source.noise, memory.lengths, source.forced, written)])
        return mask

    def _expect(self, lag: int, dtype: torch.dtype, logits_BT: Tensor, noise_BT: Tensor, lengths: Tensor,
                forced_BT: Tensor | None, written_BU: Tensor) -> Tensor:
        """What the decoder may see in expectation, as a bias of that type."""
        counted = self.encoder.segmenting.counted(logits_BT + noise_BT, lengths, forced_BT)
        return expected_waiting(counted, lengths, written_BU, lag, dtype)

    def _segmented(self, inputs: TaskInputs, speech: Source, phase: Phase, passing: Passing) -> Segmented:
        assert speech.logits is not None
        assert speech.boundaries is not None
        segmenter, frames, task = self.encoder.segmenting, speech.lengths, speech.embedded.tasks[0]
        raw = passing.branch(speech.logits, task).value
        text = self.encoder.embed_text(inputs.transcript, passing, task).value
        inside = valid_mask(frames - 1, raw.size(1))
        return Segmented(segmenter.counted(raw, frames, speech.forced), frames, speech.boundaries & inside,
                         passing.branch(speech.embedded, task).value, text, inputs.transcript_lengths - 1,
                         self.encoder.word_starts(inputs.transcript), segmenter.variant, phase.update)

    def _align(self, inputs: TaskInputs, features: Stream, embedded: Stream, frames: Tensor, task: str,
               passing: Passing) -> dict[str, Alignment]:
        if self.ctc is None:
            raise ValueError("CTC was asked for, but the model was built without its heads: pass --ctc.")
        streams = [passing.branch(stream, task) for stream in (features, embedded)]
        lengths = [self.encoder.front_end.frames(inputs.waveform_lengths), frames]
        if inputs.lead_in is not None:
            steps = (self.encoder.front_end.frame_samples, self.encoder.frame_samples)
            cuts = [inputs.lead_in // step for step in steps]
            streams = [stream_without(stream, cut, passing) for stream, cut in zip(streams, cuts, strict=True)]
            lengths = [length - cut for length, cut in zip(lengths, cuts, strict=True)]
        return self.ctc(streams[0], lengths[0], streams[1], lengths[1], passing)

    def _hear(self, inputs: TaskInputs, tasks: Sequence[str], phase: Phase, passing: Passing) -> Stream:
        if not phase.front_end_frozen:
            return self.encoder.hear(inputs.waveform, inputs.waveform_lengths, passing, tasks)
        with torch.no_grad():
            features = self.encoder.hear(inputs.waveform, inputs.waveform_lengths, PLAIN, tasks)
        return passing.start(features.value, tasks)


def _pairs(sources: Sequence[Source], encoded: Sequence[Stream], task: str, passing: Passing) -> Paired:
    speech, text = sources
    embedded, states = (passing.branch(stream, task).value for stream in (speech.embedded, encoded[0]))
    return Paired(embedded, states, speech.lengths, text.embedded.value.detach(), encoded[1].value.detach(),
                  text.lengths)


def ctc_task(tasks: tuple[str, ...]) -> str:
    """Of the tasks that are on, the one that CTC and contrast belong to: ASR, which they serve, or ST without it."""
    return "asr" if "asr" in tasks else "st"
