"""Batches of boundary logits, right-padded with rubbish."""

import torch
from hypothesis import strategies as st

RUBBISH = 37.0  # at padding, where a boundary would be certain
EXTREME = 60.0


def ragged(lengths, scale=2.0, seed=0, dtype=torch.float64, frames=None):
    """(B, T) random logits and their (B,) lengths."""
    frames = frames or max(lengths)
    logits_BT = scale * torch.randn(len(lengths), frames, generator=torch.Generator().manual_seed(seed)).to(dtype)
    for b, length in enumerate(lengths):
        logits_BT[b, length:] = RUBBISH
    return logits_BT, torch.tensor(lengths)


def hard(high, dtype=torch.float64):
    """Rows of 0 and 1, or of . and |, as extreme logits."""
    rows = [[character == "|" for character in row] if isinstance(row, str) else row for row in high]
    return torch.where(torch.tensor(rows).bool(), EXTREME, -EXTREME).to(dtype)


lengths = st.lists(st.integers(1, 9), min_size=1, max_size=4)


@st.composite
def batches(draw, scale=2.0):
    """Random logits and lengths, sometimes with more padding than any row needs."""
    of_rows = draw(lengths)
    return ragged(of_rows, scale, draw(st.integers(0, 1000)), frames=max(of_rows) + draw(st.integers(0, 2)))
