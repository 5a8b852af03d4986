"""CTC alignment against all paths there are."""

from itertools import groupby, product

import pytest
import torch

from mgcm_fairseq.core.alignment import ctc_starts

BLANK = 0


def best_starts(log_probs, tokens):
    """First frames of the tokens on the likeliest of all paths that read as `tokens`; None if there is none."""
    best = (-float("inf"), None)
    for path in product(range(log_probs.size(1)), repeat=log_probs.size(0)):
        if [label for label, _ in groupby(path) if label != BLANK] == tokens:
            score = sum(log_probs[frame, label].item() for frame, label in enumerate(path))
            starts = [frame for frame, label in enumerate(path)
                      if label != BLANK and (frame == 0 or path[frame - 1] != label)]
            best = max(best, (score, starts))
    return best[1]


@pytest.mark.parametrize("tokens", [[], [1], [1, 2], [1, 1], [2, 1, 1], [1, 2, 1]])
@pytest.mark.parametrize("frames", [0, 1, 2, 3, 4, 6])
def test_starts_are_those_of_the_likeliest_path(tokens, frames):
    for _ in range(5):
        log_probs = torch.randn(frames, 3).log_softmax(1)
        found = ctc_starts(log_probs, torch.tensor(tokens, dtype=torch.long), BLANK)
        assert (None if found is None else found.tolist()) == best_starts(log_probs, tokens)


def test_peaks_are_found():
    labels = [0, 0, 2, 2, 0, 1, 0, 1, 1, 0]
    log_probs = torch.nn.functional.one_hot(torch.tensor(labels), 3).mul(9.0).log_softmax(1)
    assert ctc_starts(log_probs, torch.tensor([2, 1, 1]), BLANK).tolist() == [2, 5, 7]


def test_half_precision_is_taken():
    log_probs = torch.randn(50, 3).log_softmax(1)
    tokens = torch.tensor([1, 2, 2, 1])
    rounded = log_probs.half()
    assert torch.equal(ctc_starts(rounded, tokens, BLANK), ctc_starts(rounded.double(), tokens, BLANK))
