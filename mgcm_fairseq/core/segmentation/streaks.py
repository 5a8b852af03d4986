"""Streaks of boundary frames that count once, in expectation."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mgcm_fairseq.core.segmentation.padding import LOG_ZERO, silenced


def start_logits(logits_BT: Tensor, lengths_B: Tensor) -> Tensor:
    """Logits of q_t = p_t (1 - p_{t-1}): frame t begins a streak of boundary frames. q_0 = p_0. (B, T), fp32 or better.

    What `decide_streaks` is for decisions: where all p are near 0 or 1, q > 0.5 exactly at its boundaries, and
    sum q counts streaks. In between it is stricter: p = 0.4, 0.6 makes a decision and q = 0.36. Every function of
    logits here takes these in place of e. Neighbours are taken to be independent, also q's own.

    Args:
        logits_BT: e, with the noise of training if there is any.
        lengths_B: frames that are not padding.
    """
    e_BT = silenced(logits_BT, lengths_B)
    previous_BT = F.pad(e_BT[:, :-1], (1, 0), value=LOG_ZERO)
    log_q_BT = F.logsigmoid(e_BT) + F.logsigmoid(-previous_BT)
    log_not_q_BT = torch.logaddexp(F.logsigmoid(-e_BT), F.logsigmoid(e_BT) + F.logsigmoid(previous_BT))
    return log_q_BT - log_not_q_BT
