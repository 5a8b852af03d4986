"""Where in the speech the pieces of a hypothesis come from, by the decoder's attention."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mgcm_fairseq.core.ctc_streaks import at_last_frames
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.source import Memory


def default_attention_layer(layers: int) -> int:
    """The one at two thirds, counted from 0: the fourth of six as in Papi et al. 2023, arXiv 2212.07850."""
    return -(-2 * layers // 3) - 1


@torch.inference_mode()
def attention(system: System, before: Sequence[int], pieces: Sequence[int], memory: Memory, layer: int) -> Tensor:
    """(U, T) of U pieces behind those before, to T frames; mean over heads, on the CPU.

    Where a state stands for a streak of frames, its last frame has the streak's attention: it is heard when that is.
    """
    tokens_1U = torch.tensor([[system.tag, *before, *pieces[:-1]]], device=system.device)
    weights_UN = system.network.decoder.cross_attention(tokens_1U, memory, layer)[0, -len(pieces):].cpu()
    return weights_UN if memory.ends is None else at_last_frames(weights_UN, memory.ends[0].cpu())
