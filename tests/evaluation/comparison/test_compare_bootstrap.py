"""The paired bootstrap: against sacreBLEU's on the same resamples, against brute force, and at its extremes."""

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.significance import PairedTest

from mgcm_fairseq.evaluation.comparison.bootstrap import (
    PERCENTILES,
    bleu_statistics,
    corpus_bleu,
    draw,
    judge,
    mean_difference,
)
from mgcm_fairseq.evaluation.quality import bleu
from tests.evaluation.comparison.logs import SENTENCES, said

REFERENCES = [record["reference"] for record in said(0, 1, 0)]
SEED, RESAMPLES = 7, 300


def hypotheses(errors, seed):
    return [record["prediction"] for record in said(errors, 1, seed)]


def resampled(lines):
    return corpus_bleu(bleu_statistics(lines, REFERENCES), draw(SENTENCES, RESAMPLES, SEED))


def ours(first, second):
    return judge(bleu(second, REFERENCES).value - bleu(first, REFERENCES).value, resampled(second) - resampled(first),
                 len(REFERENCES))


def sacrebleus(monkeypatch, first, second):
    monkeypatch.setenv("SACREBLEU_SEED", str(SEED))
    systems = [("first", first), ("second", second)]
    _, scores = PairedTest(systems, {"BLEU": BLEU(tokenize="13a")}, [REFERENCES], "bs", n_samples=RESAMPLES)()
    return scores["BLEU"][1]


def test_bleu_of_each_sentence_once_is_corpus_bleu():
    lines = hypotheses(0.3, 1)
    [found] = corpus_bleu(bleu_statistics(lines, REFERENCES), np.ones((1, SENTENCES)))
    assert found == pytest.approx(bleu(lines, REFERENCES).value)


def test_a_resample_is_a_corpus_of_the_sentences_drawn():
    lines, counts = hypotheses(0.3, 1), draw(SENTENCES, 3, SEED)
    for row, value in zip(counts.astype(int), corpus_bleu(bleu_statistics(lines, REFERENCES), counts), strict=True):
        chosen = np.repeat(np.arange(SENTENCES), row)
        assert len(chosen) == SENTENCES
        assert value == pytest.approx(bleu([lines[i] for i in chosen], [REFERENCES[i] for i in chosen]).value)


@pytest.mark.parametrize(("errors", "seed"), [(0.22, 2), (0.25, 2), (0.27, 5), (0.5, 2)])
def test_agrees_with_sacrebleu_on_the_same_resamples(monkeypatch, errors, seed):
    first, second = hypotheses(0.2, 1), hypotheses(errors, seed)
    theirs, found = sacrebleus(monkeypatch, first, second), ours(first, second)
    assert resampled(second).mean() == pytest.approx(theirs.mean, rel=1e-4)
    # Theirs counts one side where the resamples agree on the better system; ours both.
    assert theirs.p_value <= found.p <= 2 * theirs.p_value + 0.1


def test_better_is_found_better_and_worse_worse():
    better, worse = hypotheses(0.1, 1), hypotheses(0.4, 2)
    up, down = ours(worse, better), ours(better, worse)
    assert 0 < up.low < up.difference < up.high
    assert up.p == down.p < 0.05
    assert (down.difference, down.low, down.high) == pytest.approx((-up.difference, -up.high, -up.low))


def test_a_system_does_not_differ_from_itself():
    same = ours(hypotheses(0.3, 1), hypotheses(0.3, 1))
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_equal_systems_are_called_different_as_seldom_as_claimed():
    rng, counts = np.random.default_rng(0), draw(50, 200, SEED)
    found = [mean_difference(rng.normal(size=50), counts) for _ in range(400)]
    assert 0.02 < np.mean([one.p < 0.05 for one in found]) < 0.09
    assert 0.90 < np.mean([one.low < 0 < one.high for one in found]) < 0.98


def test_the_mean_of_differences_by_brute_force():
    differences = np.array([1.0, np.nan, -2.0, 4.0, 0.5])
    chosen = np.random.default_rng(SEED).choice(5, size=(RESAMPLES, 5), replace=True)
    kept = chosen[(chosen != 1).any(axis=1)]  # a resample of the unknown one alone has no mean
    means = np.nanmean(differences[kept], axis=1)
    found = mean_difference(differences, draw(5, RESAMPLES, SEED))
    assert found.difference == pytest.approx(3.5 / 4)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(means, PERCENTILES)))
    assert found.p == pytest.approx((sum(abs(means - means.mean()) >= 3.5 / 4) + 1) / (RESAMPLES + 1))


def test_no_difference_known_is_no_test():
    assert mean_difference(np.full(4, np.nan), draw(4, 10, SEED)) is None


def test_resamples_depend_on_the_seed_alone():
    assert np.array_equal(draw(20, 5, 1), draw(20, 5, 1))
    assert not np.array_equal(draw(20, 5, 1), draw(20, 5, 2))
    assert (draw(20, 5, 1).sum(axis=1) == 20).all()
