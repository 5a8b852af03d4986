"""Forced alignment under CTC: where in the frames a known text stands. T frame, U token, S state, V vocabulary.

By hand because torchaudio's forced_align needs its compiled part, which does not load beside a CPU torch.
"""

import torch
from torch import Tensor


def ctc_starts(log_probs_TV: Tensor, tokens_U: Tensor, blank: int) -> Tensor | None:
    """(U,) int64, rising: the first frame of each token on the likeliest CTC path; None where T is too short for any.

    State 2 u + 1 is token u, the even ones are blanks. A path stays, goes on by one state, or by two from a token to a
    different one (Graves et al. 2006, section 4.1), with the maximum in place of the sum.

    Args:
        log_probs_TV: log probabilities of one utterance.
        tokens_U: int64 ids of the text, without blanks.
        blank: id of the blank.
    """
    labels_S = torch.full((2 * len(tokens_U) + 1,), blank)
    labels_S[1::2] = tokens_U
    skips_S = torch.zeros_like(labels_S, dtype=torch.bool)
    skips_S[3::2] = tokens_U[1:] != tokens_U[:-1]
    score_S = torch.full((len(labels_S),), -torch.inf, dtype=torch.float64)
    score_S[0] = 0.0
    never = score_S.new_full((2,), -torch.inf)
    steps_TS = []
    for emitted_S in log_probs_TV[:, labels_S].double():
        by_one_S = torch.cat([never[:1], score_S[:-1]])
        by_two_S = torch.cat([never, score_S])[:len(score_S)].masked_fill(~skips_S, -torch.inf)
        best_S, step_S = torch.stack([score_S, by_one_S, by_two_S]).max(0)
        score_S = best_S + emitted_S
        steps_TS.append(step_S)
    last_S = score_S[-2:]
    state = len(score_S) - len(last_S) + int(last_S.argmax())
    if score_S[state] == -torch.inf:
        return None
    path_T = []
    for step_S in reversed(steps_TS):
        path_T.append(state)
        state -= int(step_S[state])
    return torch.searchsorted(torch.tensor(path_T[::-1]), 2 * torch.arange(len(tokens_U)) + 1)
