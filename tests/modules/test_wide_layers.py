"""--sharing-init wide: the function of the shared network, as many parameters as the groups', passed by everybody."""

import pytest
import torch

from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.models.sharing import Division
from mgcm_fairseq.modules.schedule import OFFLINE
from mgcm_fairseq.modules.simul_st import TASKS
from tests.modules.grouped import divided, grouped_ffn, plan_of_layers
from tests.modules.networks import network, task_inputs

SMALL = {"model_dim": 16, "ffn_dim": 24, "attention_heads": 2, "dropout": 0.0, "encoder_layers": 2}
PRIVATE = (0, 3, 4, 10, 23)
LAYER = grouped_ffn(1, PRIVATE, {"a": ("qab",), "b": ("qac",), "c": ("qaa",)})


@pytest.fixture
def networks():
    shared = network(**SMALL).double()
    return shared, divided(shared, LAYER, init="wide", **SMALL), divided(shared, LAYER, **SMALL)


def logits(of, languages):
    inputs = task_inputs([9_000, 8_000, 7_000], [7, 5, 3], slice(None))._replace(language=torch.tensor(languages))
    return of(inputs, TASKS, False, OFFLINE, PLAIN).logits


def test_it_computes_what_the_shared_network_did(networks):
    shared, wide, _ = networks
    expected = logits(shared, [0, 0, 0])
    for task, found in logits(wide, [0, 1, 2]).items():
        torch.testing.assert_close(found, expected[task], atol=1e-10, rtol=0)


def test_it_has_as_many_parameters_as_the_groups_have(networks):
    _, wide, grouped = networks
    assert sum(map(torch.numel, wide.parameters())) == sum(map(torch.numel, grouped.parameters()))
    part, = wide.encoder.layers[1].private.parts
    assert part.fc1.out_features == 3 * len(PRIVATE)


def test_each_language_passes_all_of_it_and_what_is_new_learns(networks):
    part = networks[1].encoder.layers[1].private.parts[0]
    for language in range(3):
        networks[1].zero_grad()
        logits(networks[1], [language] * 3)["st"].square().sum().backward()
        assert part.fc2.weight.grad[:, len(PRIVATE):].any()
    assert not part.fc2.weight[:, len(PRIVATE):].any()


def test_shapes_are_told_before_weights_are_loaded(networks):
    shared, wide, _ = networks
    found, own = ({f"network.{name}": tuple(weight.shape) for name, weight in of.state_dict().items()}
                  for of in (shared, wide))
    assert Division(plan_of_layers(LAYER), 24, "wide").shapes(found, own) == own
