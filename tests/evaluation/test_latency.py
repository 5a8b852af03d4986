"""Latency of the hand-written log: worked out by hand, and as `simuleval --score-only` prints it."""

import subprocess
import sys

import pytest

from mgcm_fairseq.evaluation.instances import read_instances
from mgcm_fairseq.evaluation.latency import METRICS, latency

# Sentence 0: 1000 ms, 4 reference words, 4 words after 400, 800, 1000, 1000 ms.
#   AL = LAAL: (400 + (800 - 250) + (1000 - 500)) / 3, as the third word is the first at the end.  AP: 3200 / 4000.
#   DAL: words at 400, 800, 1050, 1300, less 0, 250, 500, 750: (400 + 550 + 550 + 550) / 4.
#   ATD: source tokens end at 300, 400 | 700, 800 | 1000: (400-300 + 800-400 + 1000-700 + 1000-800) / 4.
FIRST = {"AL": 1450 / 3, "LAAL": 1450 / 3, "AP": 0.8, "DAL": 512.5, "ATD": 250.0}
# Sentence 1: 600 ms, 2 reference words, 3 words after 300, 600, 600 ms.
#   AL: (300 + (600 - 300)) / 2.  LAAL: (300 + (600 - 200)) / 2.  AP: 1500 / 1200.
#   DAL: words at 300, 600, 800, less 0, 200, 400: (300 + 400 + 400) / 3.
#   ATD: source tokens end at 300 | 600, and each word is written at the end of its own token.
SECOND = {"AL": 300.0, "LAAL": 350.0, "AP": 1.25, "DAL": 1100 / 3, "ATD": 0.0}


@pytest.mark.parametrize(("number", "expected"), [(0, FIRST), (1, SECOND)])
def test_sentence_by_hand(write_log, records, references, number, expected):
    instances = read_instances(write_log(records), references)
    assert latency(instances[number:number + 1]) == pytest.approx(expected)


def test_corpus_is_the_mean_over_sentences_with_words(write_log, records, references):
    expected = {name: (FIRST[name] + SECOND[name]) / 2 for name in METRICS}
    assert latency(read_instances(write_log(records), references)) == pytest.approx(expected)


def test_empty_hypothesis_in_front_changes_nothing(write_log, records, references):
    instances = read_instances(write_log(records), references)
    assert latency(instances[::-1]) == pytest.approx(latency(instances))


def test_all_empty_has_no_latency(write_log, records, references):
    assert latency(read_instances(write_log(records), references)[2:]) == dict.fromkeys(METRICS)


def test_same_as_the_command_line(write_log, records, references):
    folder = write_log(records)
    command = [sys.executable, "-m", "simuleval.cli", "--score-only", "--output", str(folder), "--latency-metrics"]
    printed = subprocess.run([*command, *METRICS], capture_output=True, text=True, check=True, timeout=120).stdout
    header, row = (line.split() for line in printed.splitlines())
    values = dict(zip(header, map(float, row[1:]), strict=True))
    del values["BLEU"]
    assert values == pytest.approx(latency(read_instances(folder, references)), abs=6e-4)  # printed to 3 decimals
