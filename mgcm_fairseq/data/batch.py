"""What the dataset makes of some utterances, and tasks and criterions read. B utterances, N samples, U and V pieces.

Everything is right-padded. fairseq reads `net_input`, `target`, `ntokens`, `nsentences` and `id`, and a dictionary it
must be.
"""

from typing import NotRequired, TypedDict

from torch import Tensor


class Item(TypedDict):
    """One utterance, before it is padded."""

    id: int  # its index in the manifest
    filler: bool  # as in a batch
    waveform: Tensor  # (N,) samples at 16 kHz
    lead_in: int  # samples of it that the decoder does not see, see mgcm_fairseq.data.windows
    spelling: Tensor  # (letters,) of the transcript, for CTC
    transcript: Tensor  # (U,) pieces and </s>
    source: Tensor | None  # (U',) the transcript with noise; None where there is to be none
    translation: Tensor  # (V,) pieces and </s>


class NetInput(TypedDict):
    """What generation reads."""

    src_tokens: Tensor  # (B, N) samples at 16 kHz; for MT alone (B, U), the transcript
    src_lengths: Tensor  # (B,)
    language: NotRequired[Tensor]  # (B,) as in Batch; generation alone adds it


class Batch(TypedDict):
    """Utterances, longest audio first."""

    id: Tensor  # (B,) indices in the manifest
    filler: bool  # whether nothing of it is to count
    nsentences: int  # B
    ntokens: int  # of all translations, </s> among them
    net_input: NetInput
    lead_in: Tensor | None  # (B,) samples; None where utterances are heard one by one
    language: Tensor | None  # (B,) the source language of each, by its rank in the corpus's; None where there is one
    spelling: Tensor  # (B, letters) of the transcripts, for CTC
    spelling_lengths: Tensor  # (B,)
    transcript: Tensor  # (B, U) pieces and </s>: the target of ASR, and the source of MT without noise
    transcript_lengths: Tensor  # (B,) with </s>
    source: Tensor | None  # (B, U') the source of MT with noise (mgcm_fairseq.data.transcript_noise), and </s>
    source_lengths: Tensor | None  # (B,) with </s>; both None where MT reads the transcript
    transcript_prefix: Tensor  # (B, U) the transcript moved right behind the tag of its own language, without </s>
    target: Tensor  # (B, V) the translation: pieces and </s>
    target_prefix: Tensor  # (B, V) the translation moved right behind its language's tag, without </s>
    references: list[str]  # (B,) the translations as text
