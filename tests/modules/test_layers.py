"""Our layers against PyTorch's own, in float64, with random weights: attention, feed-forward, order of the norms."""

import pytest
import torch
from torch import nn

from mgcm_fairseq.modules.layers import DecoderLayer, EncoderLayer, LayerShape
from mgcm_fairseq.modules.local import LocalConvolution

DIM, HEADS, FFN, B, T, U = 12, 3, 20, 2, 7, 5
EXACT = {"rtol": 1e-10, "atol": 1e-12}
LENGTHS = torch.tensor([T, 4])


def shape(norm_first):
    return LayerShape(DIM, FFN, HEADS, 0.0, 0.0, 0.0, norm_first)


def randomised(layer):
    """Norms and biases too: at their first values many mistakes do not show."""
    for parameter in layer.double().parameters():
        nn.init.normal_(parameter, std=0.5)
    return layer


def take_attention(theirs, ours):
    parts = (ours.q_proj, ours.k_proj, ours.v_proj)
    theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
    theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    theirs.out_proj.load_state_dict(ours.out_proj.state_dict())


def take_weights(theirs, ours, residuals):
    """Weights of our layer, whose norms are named in PyTorch's order."""
    with torch.no_grad():
        take_attention(theirs.self_attn, ours.self_attn)
        if isinstance(theirs, nn.TransformerDecoderLayer):
            take_attention(theirs.multihead_attn, ours.cross_attn)
        theirs.linear1.load_state_dict(ours.ffn.fc1.state_dict())
        theirs.linear2.load_state_dict(ours.ffn.fc2.state_dict())
        for index, residual in enumerate(residuals, 1):
            getattr(theirs, f"norm{index}").load_state_dict(residual.norm.state_dict())


def pytorchs(mask):
    """(B, 1, rows, columns), True where attention is allowed, or a bias -> as PyTorch's layers take it."""
    mask = mask.expand(-1, HEADS, -1, -1).flatten(0, 1)
    return ~mask if mask.dtype == torch.bool else mask


def masks(queries):
    """Padded keys; padding and a random half of the rest; a bias."""
    padding = (torch.arange(T) < LENGTHS[:, None])[:, None, None].expand(B, 1, queries, T)
    some = padding & (torch.rand(B, 1, queries, T) < 0.5)
    some[..., 0] = True
    return {"padding": padding, "some": some, "bias": torch.randn(B, 1, queries, T).double()}


def assert_same(ours, theirs, inputs):
    torch.testing.assert_close(ours, theirs, **EXACT)
    weight = torch.randn_like(ours)
    for found, expected in zip(*(torch.autograd.grad((answer * weight).sum(), inputs) for answer in (ours, theirs)),
                               strict=True):
        torch.testing.assert_close(found, expected, **EXACT)


@pytest.mark.parametrize("kind", ["padding", "some", "bias"])
@pytest.mark.parametrize("norm_first", [True, False])
def test_the_encoders_layer_is_pytorchs(norm_first, kind):
    ours = randomised(EncoderLayer(shape(norm_first)))
    theirs = nn.TransformerEncoderLayer(DIM, HEADS, FFN, 0.0, "relu", batch_first=True, norm_first=norm_first).double()
    take_weights(theirs, ours, [ours.self_attn_residual, ours.ffn_residual])
    x, mask = torch.randn(B, T, DIM).double().requires_grad_(), masks(T)[kind]
    assert_same(ours(x, mask), theirs(x, pytorchs(mask)), [x])


@pytest.mark.parametrize("kind", ["padding", "some", "bias"])
@pytest.mark.parametrize("norm_first", [True, False])
def test_the_decoders_layer_is_pytorchs(norm_first, kind):
    ours = randomised(DecoderLayer(shape(norm_first)))
    theirs = nn.TransformerDecoderLayer(DIM, HEADS, FFN, 0.0, "relu", batch_first=True, norm_first=norm_first).double()
    take_weights(theirs, ours, [ours.self_attn_residual, ours.cross_attn_residual, ours.ffn_residual])
    x, memory = (torch.randn(B, size, DIM).double().requires_grad_() for size in (U, T))
    causal, mask = torch.ones(U, U, dtype=torch.bool).tril(), masks(U)[kind]
    assert_same(ours(x, causal[None, None], memory, mask), theirs(x, memory, ~causal, pytorchs(mask)), [x, memory])


@pytest.mark.parametrize("norm_first", [True, False])
def test_each_sublayer_has_dropout_in_training(norm_first):
    """With all of it dropped, post-norm leaves the norms alone and pre-norm leaves the input."""
    ours = randomised(EncoderLayer(LayerShape(DIM, FFN, HEADS, 1.0, 0.0, 0.0, norm_first)))
    x = torch.randn(B, T, DIM).double()
    norms = ours.self_attn_residual.norm, ours.ffn_residual.norm
    torch.testing.assert_close(ours.train()(x, None), x if norm_first else norms[1](norms[0](x)), **EXACT)


def test_dropout_inside_the_sublayers_is_each_ones_own():
    x = torch.randn(B, T, DIM).double()
    for rates, layer in (((0.0, 1.0, 0.0), "self_attn"), ((0.0, 0.0, 1.0), "ffn")):
        made = randomised(EncoderLayer(LayerShape(DIM, FFN, HEADS, *rates, True))).train()
        bias = made.self_attn.out_proj.bias if layer == "self_attn" else made.ffn.fc2.bias
        answers = []
        getattr(made, layer).register_forward_hook(lambda *hook, answers=answers: answers.append(hook[-1]))
        made(x, None)
        torch.testing.assert_close(answers[0], bias.expand_as(answers[0]), **EXACT)


def test_a_local_convolution_needs_to_know_what_is_padding():
    with pytest.raises(ValueError, match="expected valid_BT"):
        EncoderLayer(shape(True), local=LocalConvolution(DIM, 3, causal=False))(torch.randn(B, T, DIM), None)
