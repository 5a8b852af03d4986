"""Every reduction over an evaluation set has an answer for no sentence, one, and all alike: a number, None or an error.

What is None in results.json is a dash in the tables; NaN, infinity and tracebacks are in neither.
"""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from mgcm_fairseq.analysis.segment_counts import SegmentCount, split_at, summary
from mgcm_fairseq.checks.gpu.follow import Followed
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.evaluation import quality
from mgcm_fairseq.evaluation.comparison.bootstrap import (
    Difference,
    bleu_statistics,
    corpus_bleu,
    draw,
    judge,
    mean_difference,
)
from mgcm_fairseq.evaluation.comparison.curves import Spread, line, spread
from mgcm_fairseq.evaluation.comparison.interpolation import evenly, interpolate, shared_range
from mgcm_fairseq.evaluation.comparison.pairs import matched, same_point
from mgcm_fairseq.evaluation.comparison.significance import sentence_latency
from mgcm_fairseq.evaluation.instances import Instance
from mgcm_fairseq.evaluation.latency import METRICS, latency, simultaneity
from mgcm_fairseq.evaluation.plot import plot
from mgcm_fairseq.evaluation.results import assemble, write_results
from mgcm_fairseq.evaluation.runs import Run
from mgcm_fairseq.evaluation.table import table
from mgcm_fairseq.tasks.validation_bleu import bleu_of_sums

TEXT = "one two three four"
NOTHING = dict.fromkeys(METRICS)
LATENCIES = {"AL": 112.5, "LAAL": 112.5, "AP": 0.656, "DAL": 150.0, "ATD": 0.0, "YAAL": 112.5}  # of `said`, by hand
LATE = {"before_end": None, "expected_before_end": None, "degenerate": False, "before_end_CA": None}
SETTING = {"target_language": "de", "simuleval": "1.1.4", "omnisteval": "1", "torch": "2", "commit": "x", "cpu": "y",
           "gpu": "none", "device": "cpu", "dtype": "fp32", "processes": 1, "source_segment_size_ms": 320}


def said(prediction=TEXT, reference=TEXT, delays=(150.0, 225.0, 300.0, 375.0), length=400.0):
    """Four words; those of an ideal interpreter come after 0, 100, 200 and 300 ms."""
    return Instance(0, prediction, list(delays), list(delays), reference, length, 1.0, 1.0)


SILENT, UNKNOWN, SOUNDLESS = said("", delays=()), said(reference=""), said(delays=[0.0] * 4, length=0.0)
SETS = {"one": [said()], "alike": [said()] * 3, "an empty hypothesis": [SILENT], "an empty reference": [UNKNOWN],
        "no sound": [SOUNDLESS], "both empty": [said("", "", ())]}


def _mean(*differences):
    """Over as many sentences, two at least, of which nine resamples are drawn."""
    counts = draw(max(2, len(differences)), 9, 1)[:, :len(differences)]
    return mean_difference(np.array(differences, dtype=float), counts)


@pytest.mark.parametrize(("found", "expected"), [
    (lambda: latency([]), NOTHING), (lambda: latency([SILENT]), NOTHING), (lambda: latency([SOUNDLESS]), NOTHING),
    (lambda: latency([said(), SOUNDLESS, SILENT], True), latency([said()])),
    (lambda: latency([said()] * 3), latency([said()])),
    (lambda: simultaneity([]), LATE), (lambda: simultaneity([SILENT]), LATE), (lambda: simultaneity([SOUNDLESS]), LATE),
    (lambda: simultaneity([said()] * 3), simultaneity([said()])),
    (lambda: sentence_latency([], "AL").tolist(), []),
    (lambda: np.isnan(sentence_latency([SILENT, SOUNDLESS, said()], "AP")).tolist(), [True, True, False]),
    (lambda: quality.bleu([TEXT], [TEXT]).value, pytest.approx(100)),
    (lambda: quality.bleu([TEXT] * 3, [TEXT] * 3).value, pytest.approx(100)),
    (lambda: quality.bleu([""], [""]).value, 0), (lambda: quality.chrf([""], [TEXT]).value, 0),
    (lambda: quality.chrf([TEXT] * 3, [TEXT] * 3).value, pytest.approx(100)),
    (lambda: quality.length_ratio([TEXT] * 2, [TEXT] * 2), 1), (lambda: quality.length_ratio([""], [TEXT]), 0),
    (lambda: quality.length_ratio([TEXT], [""]), None), (lambda: quality.length_ratio([""], [""]), None),
    (lambda: corpus_bleu(bleu_statistics([TEXT], [TEXT]), np.ones((2, 1))).tolist(), pytest.approx([100, 100])),
    (lambda: corpus_bleu(bleu_statistics([""], [""]), np.ones((1, 1))).tolist(), [0]),
    (lambda: _mean(), None), (lambda: _mean(np.nan, np.nan), None),
    (lambda: _mean(7), Difference(7, 7, 7, 1)), (lambda: _mean(np.nan, 7, np.nan), Difference(7, 7, 7, 1)),
    (lambda: _mean(0, 0, 0), Difference(0, 0, 0, 1)), (lambda: _mean(7, 7, 7), Difference(7, 7, 7, 0.1)),
    (lambda: spread([]), Spread(None, None, 0)), (lambda: spread([None]), Spread(None, None, 0)),
    (lambda: spread([2.0]), Spread(2, None, 1)), (lambda: spread([2.0, None, 2.0]), Spread(2, 0, 2)),
    (lambda: line([], "AL"), []), (lambda: interpolate([], [1.0]), [None]), (lambda: interpolate([(1.0, 2.0)], []), []),
    (lambda: interpolate([(1.0, 2.0)] * 3, [1.0, 2.0]), [2, None]),
    (lambda: shared_range([]), None), (lambda: shared_range([[]]), None),
    (lambda: shared_range([[(1.0, 2.0)]] * 2), (1, 1)), (lambda: evenly(1, 1, 5), [1]),
    (lambda: same_point({}), []), (lambda: matched({}), []), (lambda: matched({"a": {("wait-k", 1.0): None}}), []),
    (lambda: summary([]), {"utterances": 0, "segments": 0, "words": 0, "ratio": None, "mean_absolute_difference": None,
                           "mean_segment_ms": None}),
    (lambda: summary([SegmentCount(0, 2, 100.0)])["mean_segment_ms"], None),
    (lambda: summary([SegmentCount(2, 2, 100.0)] * 3)["ratio"], 1),
    (lambda: Followed().pace(), {"updates a second": None, "of all": None}),
    (lambda: Followed([3.0] * 4).pace(), {"updates a second": None, "of all": None}),
    (lambda: Followed([1.0, 3.0, 5.0, 7.0]).pace(), {"updates a second": 0.5, "of all": 0.5}),
    (lambda: bleu_of_sums({f"_bleu_{name}": SimpleNamespace(sum=0) for name in (
        *(f"{kind}_{n}" for kind in ("count", "total") for n in range(4)), "hyp", "ref")}), 0),
])
def test_the_answer(found, expected):
    assert found() == expected


@pytest.mark.parametrize(("asked", "error", "message"), [
    (lambda: quality.bleu([], []), ValueError, "at least one"), (lambda: quality.chrf([], []), ValueError, "least one"),
    (lambda: quality.length_ratio([], []), ValueError, "at least one"),
    (lambda: draw(0, 9, 1), ValueError, "a sentence and a resample at least, found 0 and 9"),
    (lambda: draw(9, 0, 1), ValueError, "a sentence and a resample at least, found 9 and 0"),
    (lambda: split_at([]), InputError, "--split"),
    (lambda: split_at([SimpleNamespace(src_text=TEXT, src_lang="en")] * 3), InputError, "no more in any of 3"),
])
def test_what_has_no_answer_says_so(asked, error, message):
    with pytest.raises(error, match=message):
        asked()


def test_one_sentence_is_no_proof_of_a_difference_in_bleu():
    assert judge(30.0, np.full(999, 30.0), sentences=1).p == 1
    assert judge(30.0, np.full(999, 30.0), sentences=2).p == 0.001


@pytest.mark.parametrize("name", SETS)
def test_results_table_and_plot_of_any_set(tmp_path, name):
    instances = SETS[name]
    results = assemble({Run("wait-k", "wait-k", 3.0): instances, Run("offline", "offline", 1.0): instances},
                       ["source"] * len(instances), SETTING)
    write_results(tmp_path / "results.json", results)  # refuses NaN
    [run] = json.loads((tmp_path / "results.json").read_text())["simul"]
    assert run["BLEU"] == (100 if instances[0].prediction == instances[0].reference == TEXT else 0)
    if name in ("one", "alike"):
        assert {metric: run[metric] for metric in METRICS} == LATENCIES
    assert "nan" not in table(results).lower()
    plot(results, tmp_path)
