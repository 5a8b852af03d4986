"""TorchJD's weightings as rules, against TorchJD's own aggregators; needs the extra `torchjd`."""

import math
import sys

import pytest
import torch

from mgcm_fairseq.core.conflict.rules import make_rule
from tests.core.conflict.inputs import drawn, gramian
from tests.core.conflict.steps import merged


def test_without_torchjd_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchjd", None)
    with pytest.raises(ValueError, match=r"torchjd:UPGrad needs TorchJD: .*pip install .*\[torchjd\]"):
        make_rule("torchjd:UPGrad")


@pytest.fixture
def aggregation():
    pytest.importorskip("torchjd")
    return pytest.importorskip("torchjd.aggregation")


def test_an_unknown_weighting_is_told_the_known_ones(aggregation):
    with pytest.raises(ValueError, match=r"expected one of .*UPGrad"):
        make_rule("torchjd:Upgrad")


@pytest.mark.parametrize("name", ["UPGrad", "DualProj", "MGDA", "Mean"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_weighting_is_its_aggregator_times_the_number_of_tasks(aggregation, name, seed):
    g_TD = drawn(seed=seed)
    expected = 3 * getattr(aggregation, name)()(g_TD)
    torch.testing.assert_close(merged(make_rule(f"torchjd:{name}"), g_TD), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["UPGrad", "Mean"])
def test_tasks_without_a_gradient_are_left_out(aggregation, name):
    rule, g_TD = make_rule(f"torchjd:{name}"), drawn("no auxiliary")
    assert rule.stateful == bool(rule.state_dict(["st"])) == 0
    assert torch.equal(rule(gramian(drawn("nothing")), ["a"], 0)[0], torch.eye(3).double())
    torch.testing.assert_close(merged(rule, g_TD), merged(rule, g_TD[[0, 2]]), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_and_inf_come_through(aggregation, bad):
    g_TD = drawn()
    g_TD[1, 2] = bad
    assert not merged(make_rule("torchjd:UPGrad"), g_TD)[2].isfinite()
