"""The automatic scope: who is in it, when that is decided, and that the others keep their plain sum."""

import pytest
import torch

from mgcm_fairseq.core.conflict import AutoScope, make_rule
from mgcm_fairseq.core.conflict.halves import of_whole_batch
from tests.core.conflict.test_noise_aware_mgcm import GROUPS, NAMES, Planted

INTERVAL = 100
PLAIN = torch.eye(2, dtype=torch.float64)


def passes(scope, opposed, free, first, last):
    """Answers for groups that are opposed, and for as many in which there is noise alone."""
    for step in range(first, last):
        gramian = torch.cat([opposed.gramians(), free.gramians()])
        yield gramian, scope(gramian, [*NAMES, *(f"{name} free" for name in NAMES)], step)


@pytest.mark.parametrize("rule", ["mgcm", "pcgrad", "discard"])
def test_the_rule_has_the_groups_in_conflict_and_the_others_their_plain_sum(rule):
    scope = AutoScope(make_rule(rule), INTERVAL)
    assert scope.whole_gramian == make_rule(rule).whole_gramian
    planted = Planted(-0.8, 3.0), Planted(0.0, 0.0, seed=1)
    for _, mixing in passes(scope, *planted, 0, INTERVAL):
        assert torch.equal(mixing, PLAIN.expand(2 * GROUPS, 2, 2)), "nothing is known in the first interval"
    inside = torch.tensor([scope._inside[name][1].item() for name in NAMES])
    assert not inside.any()
    ever = torch.zeros(2 * GROUPS, dtype=torch.bool)
    for gramian, mixing in passes(scope, *planted, INTERVAL, 2 * INTERVAL):
        expected = make_rule(rule)(of_whole_batch(gramian), NAMES * 2, 0)
        changed = (mixing != PLAIN).flatten(1).any(1)
        ever |= changed
        if rule != "pcgrad":  # which draws an order of its own in each step
            assert torch.equal(mixing[changed], expected[changed])
    inside = torch.tensor([of_group.item() for _, of_group in scope._inside.values()])
    assert inside[:GROUPS].double().mean() > 0.95
    assert inside[GROUPS:].double().mean() <= 0.05
    assert not ever[~inside].any()
    assert ever[inside].double().mean() > 0.95


def test_the_scope_stands_for_an_interval_and_is_decided_anew_in_the_next():
    scope = AutoScope(make_rule("mgcm"), INTERVAL)
    opposed, free = Planted(-0.8, 3.0), Planted(0.0, 0.0, seed=1)
    list(passes(scope, opposed, free, 0, INTERVAL + 1))
    then = {group: inside for group, (_, inside) in scope._inside.items()}
    assert torch.stack([then[name] for name in NAMES]).double().mean() > 0.95
    list(passes(scope, Planted(0.9, 3.0), free, INTERVAL + 1, 2 * INTERVAL))  # the conflict is over
    assert all(torch.equal(then[group], inside) for group, (_, inside) in scope._inside.items())
    list(passes(scope, Planted(0.9, 3.0), free, 2 * INTERVAL, 3 * INTERVAL + 1))
    assert torch.stack([scope._inside[name][1] for name in NAMES]).double().mean() < 0.05


def test_it_goes_on_from_its_state_to_the_bit():
    one, two, planted = AutoScope(make_rule("gradvac"), 30), AutoScope(make_rule("gradvac"), 30), Planted(-0.8, 3.0)
    for step in range(45):
        one(planted.gramians(), NAMES, step)
    two.load_state_dict(one.state_dict(["st", "asr"]), ["st", "asr"])
    for step in range(45, 75):
        gramian = planted.gramians()
        assert torch.equal(one(gramian, NAMES, step), two(gramian, NAMES, step))
    assert one._inside["0"][0] == 2


def test_a_rule_that_knows_noise_itself_is_refused():
    with pytest.raises(ValueError, match="reads gradients of whole batches"):
        AutoScope(make_rule("noise-aware-mgcm"), 10)


def test_what_a_checkpoint_says_is_copied_to_the_device_once():
    one, two, planted = AutoScope(make_rule("mgcm"), 30), AutoScope(make_rule("mgcm"), 30), Planted(-0.8, 3.0)
    one(planted.gramians(), NAMES, 0)
    two.load_state_dict(one.state_dict(["st", "asr"]), ["st", "asr"])
    two(planted.gramians().to("meta"), NAMES, 1)
    assert {inside.device.type for _, inside in two._inside.values()} == {"meta"}
