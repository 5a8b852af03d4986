"""Which parameters are judged together, at every granularity."""

import itertools
import re

import pytest
import torch
from torch import nn

from mgcm_fairseq.core.conflict import GRANULARITIES, Groups
from tests.core.conflict.steps import CASES, real_case, toy_case

W2V = "encoder.front_end.wav2vec2"


def sets(model, granularity="module", scope=""):
    """Names of groups -> names of their parameters."""
    groups = Groups(model, granularity, scope)
    found = {}
    for name, parameter in model.named_parameters():
        index = groups.of(parameter)
        if index is not None:
            found.setdefault(groups.names[index], set()).add(name)
    return found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_groups_partition_the_parameters(case, granularity):
    model = CASES[case]().model
    groups = Groups(model, granularity)
    found = sets(model, granularity)
    assert sorted(name for names in found.values() for name in names) == sorted(dict(model.named_parameters()))
    assert list(found) == groups.names  # each has members, in the order of the model
    assert len(groups.places) == len(groups.names) == len(set(groups.names))
    assert groups.elements == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("case", CASES)
def test_each_granularity_joins_groups_of_the_one_before(case):
    model = CASES[case]().model
    for finer, coarser in itertools.pairwise(GRANULARITIES):
        fine, coarse = sets(model, finer), sets(model, coarser)
        assert len(fine) > len(coarse)
        for names in fine.values():
            assert sum(names <= whole for whole in coarse.values()) == 1


@pytest.mark.parametrize(("group", "parameters"), [
    ("encoder.layers.0.ffn.fc1", {"weight", "bias"}),
    ("encoder.layers.0.ffn_residual.norm", {"weight", "bias"}),
    (f"{W2V}.encoder.pos_conv.0", {"weight_g", "weight_v", "bias"}),
    (f"{W2V}.feature_extractor.conv_layers.0.2", {"weight", "bias"}),
    ("decoder.layers.1.cross_attn.q_proj", {"weight", "bias"}),
    ("encoder.embedding", {"weight"}),
])
def test_modules_of_the_network(group, parameters):
    assert sets(real_case().model)[group] == {f"{group}.{name}" for name in parameters}


def test_components_of_a_layer():
    found = sets(real_case().model, "component")
    layer = "decoder.layers.0"
    kinds = {group.rpartition("/")[2]: names for group, names in found.items() if group.startswith(layer)}
    assert set(kinds) == {"attention", "ffn", "norm"}
    assert {name.split(".")[3] for name in kinds["attention"]} == {"self_attn", "cross_attn"}
    assert kinds["ffn"] == {f"{layer}.ffn.{fc}.{name}" for fc in ("fc1", "fc2") for name in ("weight", "bias")}
    assert all(".norm." in name for name in kinds["norm"])


def test_layers_and_model():
    model = toy_case(layers=2).model
    assert list(sets(model, "layer")) == ["front", "embedding", "encoder.0", "encoder.1", "decoder.0", "decoder.1",
                                          "letters"]
    assert list(sets(model, "model")) == ["model"]


def test_parametrizations_belong_to_the_module_that_they_shape():
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(2, 3)), nn.Linear(3, 1))
    assert {group: len(names) for group, names in sets(model).items()} == {"0": 3, "1": 2}


def test_a_tied_parameter_counts_once_where_its_first_name_is():
    model = real_case().model
    assert model.decoder.output.weight is model.encoder.embedding.weight
    groups = Groups(model)
    assert groups.names[groups.of(model.decoder.output.weight)] == "encoder.embedding"
    assert not any("output" in name for name in groups.names)


def test_untied_parameters_have_two_groups():
    names = Groups(real_case(tie_output=False).model).names
    assert {"encoder.embedding", "decoder.output"} <= set(names)


def test_a_frozen_parameter_has_its_group():
    model = nn.Linear(2, 2)
    model.weight.requires_grad_(False)
    assert Groups(model).of(model.weight) == Groups(model).of(model.bias) == 0


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("scope", [r"encoder", r"(?!encoder\.front_end)", r".*\.norm\.", r"decoder\.layers\.0\.ffn"])
def test_scope(granularity, scope):
    model = real_case().model
    inside = {name for name, _ in model.named_parameters() if re.match(scope, name)}
    assert set.union(*sets(model, granularity, scope).values()) == inside < set(dict(model.named_parameters()))


def test_members_are_positions():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    groups = Groups(model, scope="0")
    stranger = torch.zeros(1, requires_grad=True)
    assert groups.members([model[1].weight, model[0].bias, stranger, model[0].weight]) == {0: [1, 3]}


def test_equal_parameters_are_told_apart():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with torch.no_grad():
        model[1].weight.copy_(model[0].weight)
    groups = Groups(model)
    assert groups.of(model[0].weight) != groups.of(model[1].weight)
    assert groups.of(model[0].weight.detach().clone()) is None


def test_an_unknown_granularity_is_told_the_known_ones():
    with pytest.raises(ValueError, match=r"expected one of parameter, module, component, layer, model, found 'head'"):
        Groups(nn.Linear(1, 1), "head")


def test_an_empty_scope_is_shown_what_names_look_like():
    with pytest.raises(ValueError, match=r"found 'dekoder'; the names begin like .*encoder\.0"):
        Groups(toy_case().model, scope="dekoder")


def test_a_scope_that_matches_nothing_is_told_eight_beginnings_of_names():
    model = nn.ModuleDict({f"part{number}": nn.Linear(1, 1) for number in range(10, 22)})
    with pytest.raises(ValueError, match=r"begin like part10\.bias, .*, part13\.weight\.$"):
        Groups(model, scope="dekoder")
