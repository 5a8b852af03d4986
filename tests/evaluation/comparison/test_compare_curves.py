"""Means and spreads over seeds, and BLEU read off a curve, by hand."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.evaluation.comparison.curves import Spread, curves, line, offline, spread
from mgcm_fairseq.evaluation.comparison.interpolation import evenly, interpolate, shared_range
from mgcm_fairseq.evaluation.comparison.systems import Evaluated

LINE = [(1000.0, 10.0), (2000.0, 20.0), (4000.0, 24.0)]


def evaluated(*runs, **decodings):
    simul = [{"policy": policy, "point": point, "BLEU": bleu, "signature": "s", "AL": lagging}
             for policy, point, bleu, lagging in runs]
    return Evaluated(Path("r"), {"simul": simul, "environment": {}, "offline": {
        decoding: {"BLEU": bleu, "signature": "s"} for decoding, bleu in decodings.items()}}, {})


@pytest.mark.parametrize(("values", "expected"), [
    ([1.0, 2.0, 4.5], Spread(2.5, pytest.approx(13 ** 0.5 / 2), 3)), ([3.0], Spread(3.0, None, 1)),
    ([None, 3.0], Spread(3.0, None, 1)), ([None], Spread(None, None, 0)), ([], Spread(None, None, 0))])
def test_spread(values, expected):
    assert spread(values) == expected


def test_points_are_means_over_the_seeds_that_have_them():
    found = curves({"a": [evaluated(("p", 10, 3.0, 30.0), ("p", 2, 1.0, 10.0)), evaluated(("p", 2, 2.0, None))],
                    "b": [evaluated(("q", 0.1, 5.0, 5.0))]})
    assert list(found) == [("a", "p"), ("b", "q")]
    low, high = found["a", "p"]
    assert (low.point, high.point) == (2, 10)
    assert low.metrics == {"BLEU": Spread(1.5, pytest.approx(0.5 ** 0.5), 2), "AL": Spread(10.0, None, 1)}
    assert line(found["a", "p"], "AL") == [(30.0, 3.0)]  # at 2 the latency would be the first seed's alone
    assert line(found["a", "p"], "LAAL") == []


def test_offline_means():
    found = offline({"a": [evaluated(greedy=20.0), evaluated(greedy=22.0, beam5=None)]})
    assert found["a", "greedy"]["BLEU"] == Spread(21.0, pytest.approx(2 ** 0.5), 2)
    assert found["a", "beam5"]["BLEU"] == Spread(None, None, 0)


def test_interpolated_by_hand_and_never_beyond():
    assert interpolate(LINE, [999.9, 1000, 1250, 2000, 3000, 4000, 4000.1]) == [None, 10, 12.5, 20, 22, 24, None]
    assert interpolate(LINE[:1], [1000, 1001]) == [10, None]
    assert interpolate([], [1000]) == [None]
    assert interpolate([(1.0, 10.0), (2.0, 12.0), (2.0, 14.0)], [1.5, 2.0]) == [11.5, 13.0]


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 100)), min_size=1), st.floats(0, 1e4))
def test_interpolation_stays_within_the_points(points, latency):
    points.sort()
    [value] = interpolate(points, [latency])
    assert (value is None) == (not points[0][0] <= latency <= points[-1][0])
    assert value is None or min(y for _, y in points) - 1e-9 <= value <= max(y for _, y in points) + 1e-9


def test_shared_range():
    assert shared_range([LINE, [(1500.0, 1.0), (9000.0, 2.0)]]) == (1500, 4000)
    assert shared_range([LINE, [(4000.0, 1.0)]]) == (4000, 4000)
    assert shared_range([LINE, [(4001.0, 1.0)]]) is None
    assert shared_range([LINE, []]) is None


def test_evenly_reaches_both_ends():
    assert evenly(1000, 3000, 5) == [1000, 1500, 2000, 2500, 3000]
    assert evenly(1000, 1000, 5) == [1000]
