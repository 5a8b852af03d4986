"""The loss that brings speech and its transcript together in the shared encoder."""

from collections.abc import Callable
from typing import Any

import torch
from fairseq.logging import metrics
from torch import Tensor

from mgcm_fairseq.core.pair_contrast import pair_contrast, state_means
from mgcm_fairseq.modules.simul_st import Paired


def state_contrast(paired: Paired, pieces_B: Tensor, logging: dict[str, Any]) -> Tensor:
    """The contrast of what the shared encoder reads, and of what it makes of that, summed over utterances.

    It counts as often as an utterance has pieces on average, as IMTL (arXiv 2311.03810) adds it to CTC's loss.

    Args:
        pieces_B: of each transcript.
    """
    lengths = paired.frames, paired.tokens
    levels = [(paired.speech, paired.text), (paired.speech_states, paired.text_states)]
    of_levels = [pair_contrast(*map(state_means, level, lengths)).sum() for level in levels]
    contrast = torch.stack(of_levels).sum()
    logging["state_contrast_loss"] = contrast.detach()
    logging["state_contrast_utterances"] = pieces_B.new_tensor(len(pieces_B))
    return contrast * pieces_B.sum() / len(pieces_B)


def reduce_state_contrast(total: Callable[[str], Any]) -> None:
    """The contrast of an utterance, in nats."""
    utterances = total("state_contrast_utterances")
    if utterances > 0:
        metrics.log_scalar("state_contrast", total("state_contrast_loss") / utterances, utterances, round=3)
