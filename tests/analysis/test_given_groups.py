"""Plans for groups that are given, beside those that are found in the same gradients."""

import pytest

from mgcm_fairseq.analysis.sharing_layers import given, repaired
from mgcm_fairseq.core.sharing import cross_fit
from tests.analysis.test_sharing_layers import HIDDEN, planted

TRUTH, WRONG, EACH = ((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0,), (1,), (2,), (3,))


@pytest.fixture(scope="module")
def captured(tmp_path_factory):
    return planted(tmp_path_factory.mktemp("given"), (0, 0, 1, 1), 3.0)


def test_given_the_groups_that_are_found_it_is_the_plan_that_is_found(captured):
    found, = repaired(captured, cross_fit(captured.of_ffns, 4, 1), 1)
    known, = given(captured, TRUTH, 1, 1, {})
    assert (known.ffn, known.groups, known.private) == (found.ffn, found.groups, found.private)
    assert known.stats.delta == found.stats.delta
    assert known.stats.p == found.stats.p == pytest.approx(1 / 201, abs=1e-6)


@pytest.mark.parametrize("groups", [WRONG, EACH])
def test_other_groups_split_what_another_plan_does(captured, groups):
    like = {"encoder.layers.0.ffn": 5}
    layer, = given(captured, groups, 1, 1, like)
    assert (layer.ffn, len(layer.private), len(layer.groups)) == ("encoder.layers.0.ffn", 5, len(groups))
    both = given(captured, groups, 1, 1, {"encoder.layers.1.ffn": 3, **like})
    assert [(layer.ffn, len(layer.private)) for layer in both] == [("encoder.layers.0.ffn", 5),
                                                                  ("encoder.layers.1.ffn", 3)]


def test_wrong_groups_have_no_delta_of_their_own(captured):
    wrong, right = (given(captured, groups, 1, 1, {"encoder.layers.1.ffn": HIDDEN // 4})[0].stats
                    for groups in (WRONG, TRUTH))
    assert wrong.delta < right.delta / 4
    assert wrong.p > right.p
    assert wrong.silhouette < 0 < right.silhouette
