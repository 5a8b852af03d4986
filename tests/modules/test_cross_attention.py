"""The decoder's cross-attention, as AlignAtt and EDAtt look at it, against the formula over its own inputs."""

import torch

from mgcm_fairseq.modules.decoder import SharedDecoder
from mgcm_fairseq.modules.layers import LayerShape
from mgcm_fairseq.modules.source import Memory

DIM, HEADS, LAYERS = 8, 2, 2


def decoder():
    shape = LayerShape(DIM, 16, HEADS, 0.0, 0.0, 0.0, norm_first=True)
    return SharedDecoder(torch.nn.Embedding(11, DIM, padding_idx=1), shape, LAYERS, True, False).eval().double()


def test_rows_are_the_softmax_of_the_queries_that_predict_each_token():
    network, tokens = decoder(), torch.tensor([[4, 7, 5, 9]])
    memory = Memory(torch.randn(1, 6, DIM).double(), torch.tensor([6]), torch.zeros(1, 6, dtype=torch.long))
    for index, layer in enumerate(network.layers):
        read = []
        hook = layer.cross_attn.q_proj.register_forward_hook(lambda _, inputs, query, read=read: read.append(query))
        attention = network.cross_attention(tokens, memory, index)
        hook.remove()
        query, key = (x.view(1, -1, HEADS, DIM // HEADS).transpose(1, 2)
                      for x in (read[0], layer.cross_attn.k_proj(memory.states)))
        expected = (query @ key.mT / (DIM // HEADS) ** 0.5).softmax(3).mean(1)
        assert attention.shape == (1, 4, 6)
        torch.testing.assert_close(attention.double(), expected, atol=1e-6, rtol=0)
        torch.testing.assert_close(attention.sum(2), torch.ones(1, 4))


def test_a_row_does_not_depend_on_what_follows():
    network, tokens = decoder(), torch.tensor([[4, 7, 5, 9]])
    memory = Memory(torch.randn(1, 6, DIM).double(), torch.tensor([6]), torch.zeros(1, 6, dtype=torch.long))
    torch.testing.assert_close(network.cross_attention(tokens[:, :2], memory, 1),
                               network.cross_attention(tokens, memory, 1)[:, :2])
