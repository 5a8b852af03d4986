"""Where a parameter stands, on hand-made models and on the real network."""

import pytest
import torch
from torch import nn

from mgcm_fairseq.core.conflict.places import COMPONENTS, Place, place
from tests.core.conflict.steps import real_case, toy_case


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.norm = nn.Linear(2, 2), nn.LayerNorm(2)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn, self.fc = SelfAttention(), nn.Linear(2, 2)
        self.batch, self.group, self.rms = nn.BatchNorm1d(2), nn.GroupNorm(1, 2), nn.RMSNorm(2)


def model():
    made = nn.Module()
    made.scale = nn.Parameter(torch.ones(1))
    made.stack = nn.ModuleDict({"layers": nn.ModuleList(Layer() for _ in range(11))})
    made.stacks = nn.Sequential(nn.Sequential(nn.Conv1d(2, 2, 1), nn.GroupNorm(1, 2)))
    made.head = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    made.old = nn.Module()
    made.old.conv2d = nn.Linear(2, 2)  # a digit in a name is no index
    return made


@pytest.mark.parametrize(("parameter", "expected"), [
    ("scale", Place("", "other", "")),
    ("stack.layers.0.attn.q.weight", Place("stack.layers.0", "attention", "stack.layers.0.attn.q")),
    ("stack.layers.10.attn.q.bias", Place("stack.layers.10", "attention", "stack.layers.10.attn.q")),
    ("stack.layers.1.attn.norm.weight", Place("stack.layers.1", "norm", "stack.layers.1.attn.norm")),
    ("stack.layers.3.fc.weight", Place("stack.layers.3", "ffn", "stack.layers.3.fc")),
    ("stack.layers.3.batch.weight", Place("stack.layers.3", "norm", "stack.layers.3.batch")),
    ("stack.layers.3.group.bias", Place("stack.layers.3", "norm", "stack.layers.3.group")),
    ("stack.layers.3.rms.weight", Place("stack.layers.3", "norm", "stack.layers.3.rms")),
    ("stacks.0.0.weight", Place("stacks.0", "other", "stacks.0.0")),
    ("stacks.0.1.weight", Place("stacks.0", "norm", "stacks.0.1")),
    ("head.parametrizations.weight.original0", Place("head", "other", "head")),
    ("head.parametrizations.weight.original1", Place("head", "other", "head")),
    ("head.bias", Place("head", "other", "head")),
    ("old.conv2d.weight", Place("old.conv2d", "other", "old.conv2d")),
])
def test_places(parameter, expected):
    made = model()
    assert parameter in dict(made.named_parameters())
    assert place(made, parameter) == expected


def test_a_parametrized_root_is_its_own_module():
    root = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    assert {place(root, name) for name, _ in root.named_parameters()} == {Place("", "other", "")}


@pytest.mark.parametrize("case", [toy_case, real_case])
def test_every_parameter_stands_inside_its_module_inside_its_layer(case):
    made = case().model
    for name, parameter in made.named_parameters():
        where = place(made, name)
        assert where.component in COMPONENTS
        assert where.module.startswith(where.layer)
        assert any(parameter is own for own in made.get_submodule(where.module).parameters())


@pytest.mark.parametrize(("parameter", "layer", "component"), [
    ("encoder.layers.1.self_attn.q_proj.weight", "encoder.layers.1", "attention"),
    ("encoder.layers.1.self_attn_residual.norm.weight", "encoder.layers.1", "norm"),
    ("encoder.layers.0.ffn.fc1.bias", "encoder.layers.0", "ffn"),
    ("decoder.layers.0.cross_attn.out_proj.weight", "decoder.layers.0", "attention"),
    ("decoder.final_norm.weight", "decoder.final_norm", "norm"),
    ("encoder.front_end.wav2vec2.encoder.layers.1.fc2.weight", "encoder.front_end.wav2vec2.encoder.layers.1", "ffn"),
    ("encoder.front_end.wav2vec2.encoder.layers.0.self_attn.k_proj.bias",
     "encoder.front_end.wav2vec2.encoder.layers.0", "attention"),
    ("encoder.front_end.wav2vec2.feature_extractor.conv_layers.0.2.weight",
     "encoder.front_end.wav2vec2.feature_extractor.conv_layers.0", "norm"),
    ("encoder.front_end.wav2vec2.encoder.pos_conv.0.weight_g",
     "encoder.front_end.wav2vec2.encoder.pos_conv.0", "other"),
    ("encoder.embedding.weight", "encoder.embedding", "other"),
    ("ctc.piece_bias", "ctc", "other"),
])
def test_places_of_the_network(parameter, layer, component):
    assert place(real_case().model, parameter)[:2] == (layer, component)
