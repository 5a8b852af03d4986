"""Differences between systems over seeds, against sacreBLEU and cases that are known."""

from pathlib import Path

import numpy as np
import pytest
import sacrebleu

from mgcm_fairseq.evaluation.comparison.bootstrap import bleu_statistics
from mgcm_fairseq.evaluation.logs import run_name
from mgcm_fairseq.evaluation.runs import parse_runs
from mgcm_fairseq.studies.effects import effect, spread, updates_to
from mgcm_fairseq.studies.results import _figures, _means, on_dev

WORDS = ("der", "die", "das", "Haus", "Hund", "Garten", "sieht", "spielt", "alt", "neu", "im", "nicht")


def corpora(seeds: int, noise: float, sentences: int = 60, key: int = 0) -> tuple[list[list[str]], list[str]]:
    """For each seed, translations of which a share of the words is wrong; and the references."""
    source = np.random.default_rng(7)
    references = [" ".join(source.choice(WORDS, 9)) for _ in range(sentences)]
    draws = np.random.default_rng(key)
    return [[" ".join(word if draws.random() > noise else "falsch" for word in line.split()) for line in references]
            for _ in range(seeds)], references


def test_the_difference_is_sacrebleus_mean_over_seeds() -> None:
    (better, references), (worse, _) = corpora(3, 0.1, key=1), corpora(3, 0.3, key=2)
    found = effect([[bleu_statistics(one, references)] for one in better],
                   [[bleu_statistics(one, references)] for one in worse])
    wanted = [sacrebleu.corpus_bleu(one, [references]).score - sacrebleu.corpus_bleu(other, [references]).score
              for one, other in zip(better, worse, strict=True)]
    assert found.by_seed == pytest.approx(wanted)
    assert found.difference == pytest.approx(np.mean(wanted))
    assert 0 < found.low < found.difference < found.high
    assert found.p < 0.01


def test_systems_alike_do_not_differ() -> None:
    same, references = corpora(2, 0.2)
    statistics = [[bleu_statistics(one, references)] for one in same]
    found = effect(statistics, statistics)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_seeds_that_disagree_widen_the_interval() -> None:
    (one, references), (other, _) = corpora(3, 0.2, key=3), corpora(3, 0.2, key=4)
    agreeing = effect([[bleu_statistics(one[0], references)]] * 3, [[bleu_statistics(other[0], references)]] * 3)
    far = [[bleu_statistics(one, references)] for one in (one[0], references, other[0])]
    disagreeing = effect(far, [[bleu_statistics(other[0], references)]] * 3)
    assert disagreeing.high - disagreeing.low > agreeing.high - agreeing.low


def test_the_difference_of_several_languages_is_their_mean() -> None:
    """Sentences are drawn for all of them alike: what they have in common does not average out."""
    (better, references), (worse, _) = corpora(2, 0.1, key=1), corpora(2, 0.3, key=2)
    one, other = ([bleu_statistics(of, references) for of in these] for these in (better, worse))
    languages = [effect([[system[0]], [system[1]]], [[base[0]], [base[1]]])
                 for system, base in ((one, other), (other, one), (one, other))]
    both = effect([[one[0], other[0]], [one[1], other[1]]], [[other[0], one[0]], [other[1], one[1]]])
    assert both.difference == pytest.approx(languages[0].difference + languages[1].difference)
    assert (both.low, both.high) == pytest.approx((0, 0), abs=1e-9)
    twice = effect([[one[0], one[0]], [one[1], one[1]]], [[other[0], other[0]], [other[1], other[1]]])
    assert (twice.low, twice.high) == pytest.approx((languages[0].low, languages[0].high))


def test_other_numbers_of_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="found 1 and 2"):
        effect([[np.ones((3, 10))]], [[np.ones((3, 10))]] * 2)


@pytest.mark.parametrize(("bleu", "updates"), [(5, 50), (10, 100), (15, 150), (20, 200), (30, None)])
def test_updates_until_a_bleu(bleu: float, updates: float | None) -> None:
    assert updates_to(bleu, [(100, 10.0), (200, 20.0), (300, 20.0)]) == updates


def test_spread_of_one_seed_has_no_deviation() -> None:
    assert spread([3.0]) == (3.0, None)
    assert spread([1.0, 3.0]) == (2.0, pytest.approx(2 ** 0.5))
    assert spread([None, 3.0, 1.0]) == spread([None]) == spread([]) == (None, None)


def test_scores_on_dev_are_read_from_fairseqs_log(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text('{"epoch": 1, "st_acc": "9", "num_updates": "20"}\n'
                   '{"epoch": 1, "dev_bleu": "7.5", "dev_st_nll": "2.5", "dev_num_updates": "20"}\n'
                   '{"epoch": 1, "dev_bleu": "3", "dev_st_nll": "4", "dev_num_updates": "10"}\n'
                   'NOTE: resumed\n'
                   '2026-01-01 | INFO | dev | {"dev_bleu": "8", "dev_st_nll": "2.5", "dev_num_updates": "20"}\n')
    assert on_dev(log) == [(10, 3.0, 4.0), (20, 8.0, 2.5)]


def test_a_named_run_has_its_figures(tmp_path: Path) -> None:
    results = {"offline": {"greedy": {"BLEU": 1}, "beam5": {"BLEU": 2}, "wide-beam5": {"BLEU": 3}},
               "simul": [{"policy": "short", "point": 3, "BLEU": 4, "AL": None}]}
    found = [_figures(results, run_name(run.label, run.point), tmp_path)
             for run in parse_runs(["offline:1,5", "wide=offline:5", "short=wait-k:3"])]
    assert found == [{"BLEU": 1}, {"BLEU": 2}, {"BLEU": 3}, {"BLEU": 4, "AL": None}]


def test_a_figure_that_a_language_has_not_is_none() -> None:
    assert _means({"qaa": {"wait-k-3": {"BLEU": 1.0, "AL": 3.0, "LAAL": 4.0}},
                   "qab": {"wait-k-3": {"BLEU": 2.0, "AL": 4.0, "LAAL": None}}}) == {
        "wait-k-3": {"BLEU": 1.5, "AL": 3.5, "LAAL": None}}
