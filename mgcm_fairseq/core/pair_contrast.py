"""How well speech finds its own text among those of a batch: a contrastive loss over pairs. B batch, T state, D width.

IMTL (arXiv 2311.03810): -log softmax over the texts of cos(speech, text) / 0.1, at the speech's own.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

TEMPERATURE = 0.1


def state_means(states_BTD: Tensor, lengths_B: Tensor) -> Tensor:
    """(B, D) the mean of each row's states in fp32 or better; 0 for a row of none.

    Args:
        states_BTD: finite at padding too.
        lengths_B: states that are not padding.
    """
    wide_BTD = states_BTD.double() if states_BTD.dtype == torch.float64 else states_BTD.float()
    valid_BT1 = (torch.arange(wide_BTD.size(1), device=wide_BTD.device) < lengths_B.unsqueeze(1)).unsqueeze(2)
    return wide_BTD.masked_fill(~valid_BT1, 0.0).sum(1) / lengths_B.clamp(min=1).unsqueeze(1)


def pair_contrast(speech_BD: Tensor, text_BD: Tensor) -> Tensor:
    """(B,) the loss of each speech; row i of both is a pair. 0 in a batch of one."""
    with torch.autocast(speech_BD.device.type, enabled=False):
        cosines_BB = F.normalize(speech_BD, dim=1) @ F.normalize(text_BD, dim=1).mT
        return -F.log_softmax(cosines_BB / TEMPERATURE, dim=1).diagonal()
