"""What CTC hears: new pieces with letters, each once, and ends of sentences, however the frames arrive."""

import pytest
import torch
from torch import nn

from mgcm_fairseq.modules.ctc import CTCHeads
from mgcm_fairseq.modules.ear import END, NOTHING, ONSET, Ear

PIECES = ["<s>", "</s>", ",", "a", "b"]  # <s> is CTC's blank
HEARD = "a a <s> a b b , , b </s> </s> a"
SIGNS = "x . . x x . . . x | | x"


@pytest.fixture(scope="module")
def heads():
    made = CTCHeads(5, nn.Embedding(5, 5))
    with torch.no_grad():
        made.embedding.weight.copy_(torch.eye(5))
    return made


@pytest.mark.parametrize("cuts", [[12], [1] * 12, [2, 3, 0, 7]])
def test_a_piece_begins_where_ctc_changes_to_one_with_letters(heads, cuts):
    embedded_1TD = torch.eye(5)[[PIECES.index(piece) for piece in HEARD.split()]].unsqueeze(0)
    ear = Ear(heads, torch.tensor([False, False, False, True, True]), eos=1)
    found = torch.cat([ear.extend(part) for part in embedded_1TD.split(cuts, 1)], 1)
    assert found.tolist() == [[{"x": ONSET, ".": NOTHING, "|": END}[sign] for sign in SIGNS.split()]]


@torch.no_grad()
def test_labels_are_those_of_the_ctc_loss(heads):
    from mgcm_fairseq.core.conflict import PLAIN

    speech = torch.randn(1, 5, 5, generator=torch.Generator().manual_seed(1))
    stream = PLAIN.start(speech, ("asr",))
    trained = heads(stream, torch.tensor([5]), stream, torch.tensor([5]), PLAIN)["pieces"].logits
    torch.testing.assert_close(heads.pieces(speech), trained, rtol=0, atol=0)
