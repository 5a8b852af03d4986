"""When the words of a transcript are spoken, as the model's own CTC head for letters aligns them."""

import torch
from torch import Tensor

from mgcm_fairseq.core.alignment import ctc_starts
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.vocabulary import Vocabulary
from mgcm_fairseq.modules.simul_st import SimulSTNetwork


@torch.inference_mode()
def word_times(network: SimulSTNetwork, vocabulary: Vocabulary, samples_N: Tensor, text: str) -> list[float] | None:
    """Seconds at which the words of `text` begin in (N,) samples at 16 kHz, rising.

    Letters tell more than pieces do: they are read from the front end's frames, before the subsampling. None for a
    network without CTC heads, for audio with fewer frames than letters, and where a word has no letter that is a piece.
    """
    front_end, lengths = network.encoder.front_end, torch.tensor([len(samples_N)])
    words = [vocabulary.spell(word) for word in text.split()]
    if network.ctc is None or not all(words) or lengths < front_end.receptive_field:
        return None
    space = [index for index, piece in enumerate(vocabulary.pieces) if piece == "▁"]
    letters: list[int] = []
    firsts = []
    for word in words:
        letters += space if letters else []
        firsts.append(len(letters))
        letters += word
    [logits_TV] = network.ctc.letters(front_end(samples_N.unsqueeze(0), lengths, PLAIN, ("asr",)).value)
    starts = ctc_starts(logits_TV.float().log_softmax(1), torch.tensor(letters, dtype=torch.long), vocabulary.bos)
    return None if starts is None else [int(starts[first]) * front_end.frame_samples / SAMPLE_RATE for first in firsts]


def even_times(words: int, samples: int) -> list[float]:
    """Seconds at which so many words would begin in so many samples, were they of one length and without a pause."""
    return [index * samples / words / SAMPLE_RATE for index in range(words)]
