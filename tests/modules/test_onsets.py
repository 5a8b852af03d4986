"""Onsets: new pieces with letters, each once, however the frames arrive."""

import pytest
import torch
from torch import nn

from mgcm_fairseq.modules.ctc import CTCHeads
from mgcm_fairseq.modules.onsets import Onsets

PIECES = ["<s>", ",", "a", "b"]  # <s> is CTC's blank
HEARD = "a a <s> a b b , , b <s> <s> a"
NEW = "x . . x x . . . x . . x"


@pytest.fixture(scope="module")
def heads():
    made = CTCHeads(4, nn.Embedding(4, 4))
    with torch.no_grad():
        made.embedding.weight.copy_(torch.eye(4))
    return made


@pytest.mark.parametrize("cuts", [[12], [1] * 12, [2, 3, 0, 7]])
def test_a_piece_begins_where_ctc_changes_to_one_with_letters(heads, cuts):
    embedded_1TD = torch.eye(4)[[PIECES.index(piece) for piece in HEARD.split()]].unsqueeze(0)
    onsets = Onsets(heads, torch.tensor([False, False, True, True]))
    found = torch.cat([onsets.extend(part) for part in embedded_1TD.split(cuts, 1)], 1)
    assert found.tolist() == [[sign == "x" for sign in NEW.split()]]


@torch.no_grad()
def test_labels_are_those_of_the_ctc_loss(heads):
    from mgcm_fairseq.core.conflict import PLAIN

    speech = torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(1))
    stream = PLAIN.start(speech, ("asr",))
    trained = heads(stream, torch.tensor([5]), stream, torch.tensor([5]), PLAIN)["pieces"].logits
    torch.testing.assert_close(heads.pieces(speech), trained, rtol=0, atol=0)
