"""Encoder and decoder as fairseq's SequenceGenerator calls them; they own no weights."""

from collections.abc import Callable
from typing import Any

from fairseq.models import FairseqEncoder, FairseqIncrementalDecoder
from torch import Tensor

from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.schedule import Phase
from mgcm_fairseq.modules.simul_st import SimulSTNetwork
from mgcm_fairseq.modules.source import Memory


class GenerationEncoder(FairseqEncoder):
    """Speech or text to what the decoder attends to."""

    def __init__(self, network: SimulSTNetwork, phase: Callable[[], Phase]) -> None:
        """`phase`: that of the next pass."""
        super().__init__(dictionary=None)
        self.speech, self.text = network.encoder.speech, network.encoder.text
        self.phase = phase

    def forward(self, src_tokens: Tensor, src_lengths: Tensor,  # type: ignore[override]  # with the arguments that fairseq's generator passes
                language: Tensor | None = None) -> Memory:
        """(B, N) samples and (B,) lengths in samples, or, for MT, integer tokens and their lengths; (B,) ranks of the
        languages, where there are several.
        """
        encode = self.speech if src_tokens.is_floating_point() else self.text
        return encode(src_tokens, src_lengths, self.phase(), language)

    def reorder_encoder_out(self, encoder_out: Memory, new_order: Tensor) -> Memory:
        states, lengths, units = (part.index_select(0, new_order) for part in encoder_out[:3])
        return Memory(states, lengths, units, None if encoder_out.ends is None else encoder_out.ends[new_order])


class GenerationDecoder(FairseqIncrementalDecoder):
    """Tokens to logits of the next, under the lag of the phase."""

    def __init__(self, network: SimulSTNetwork, phase: Callable[[], Phase]) -> None:
        """`phase`: that of the next pass."""
        super().__init__(dictionary=None)
        self.decode, self.lag_mask = network.decoder.forward, network.lag_mask
        self.phase = phase

    def forward(self, prev_output_tokens: Tensor, encoder_out: Memory,  # type: ignore[override]  # with the arguments that fairseq's generator passes
                incremental_state: dict[str, Cache] | None = None) -> tuple[Tensor, dict[str, Any]]:
        """(B, U) tokens; with an incremental state all but the last are already in its cache."""
        mask = self.lag_mask(encoder_out, prev_output_tokens, self.phase().lag)
        if incremental_state is None:
            return self.decode(prev_output_tokens, encoder_out, None, mask), {"attn": None}
        cache = incremental_state.setdefault("cache", Cache())
        return self.decode(prev_output_tokens[:, -1:], encoder_out, cache, mask[:, :, -1:]), {"attn": None}

    def reorder_incremental_state_scripting(self, incremental_state: dict[str, Cache],
                                            new_order: Tensor) -> None:
        cache = incremental_state.get("cache", Cache())
        for name, value in cache.items():
            cache[name] = value.index_select(0, new_order)
