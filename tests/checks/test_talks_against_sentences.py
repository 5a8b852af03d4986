"""scripts/checks/talks_against_sentences.py on folders that evaluate.sh writes, and on what does not fit together."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from mgcm_fairseq.checks.talks_against_sentences import compare, table
from mgcm_fairseq.commands.evaluate import main as evaluate
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.evaluation.comparison.bootstrap import bleu_statistics, corpus_bleu, draw
from mgcm_fairseq.evaluation.comparison.systems import Evaluated, read_systems


def read(folder):
    return read_systems({"one": [folder]}, None)["one"][0]


@pytest.fixture(scope="module")
def folders(tiny_corpus, tiny_segmenting_checkpoint, tmp_path_factory):
    """Of the tiny model: its sentences, and the talks that they are from."""
    out = tmp_path_factory.mktemp("both")
    for name, options in (("sentences", []), ("talks", ["--long-form"])):
        assert evaluate([*options, "--checkpoint", str(tiny_segmenting_checkpoint), "--corpus", str(tiny_corpus),
                         "--run", "wait-segment:1,3", "--processes", "1", "--out", str(out / name)]) == 0
    return out / "sentences", out / "talks"


def test_the_difference_is_that_of_the_two_tables(folders):
    sentences, talks = map(read, folders)
    rows = compare(sentences, talks)
    assert [row["run"] for row in rows] == ["wait-segment-1", "wait-segment-3"]
    for row, one, other in zip(rows, sentences.results["simul"], talks.results["simul"], strict=True):
        assert row["sentences"] == pytest.approx(one["BLEU"], abs=0.006)
        assert row["talks"] == pytest.approx(other["BLEU"], abs=0.006)
        assert row["difference"] == row["talks"] - row["sentences"]
        assert row["low"] <= row["high"]
        assert (row["LAAL"], row["LongLAAL"]) == (one["LAAL"], other["LongLAAL"])
    assert table(rows).count("\n") == 3


def test_the_interval_is_that_of_a_loop_over_resamples(folders):
    sentences, talks = map(read, folders)
    [row, _] = compare(sentences, talks)
    key = ("wait-segment", 1)
    differences = []
    for drawn in draw(len(talks.instances[key]), 2000, 1):
        scores = []
        for one in (sentences, talks):
            instances = [each for each, count in zip(one.instances[key], drawn, strict=True) for _ in range(int(count))]
            statistics = bleu_statistics([each.prediction for each in instances],
                                         [each.reference for each in instances])
            scores.append(corpus_bleu(statistics, statistics[:, :1].T * 0 + 1)[0])
        differences.append(scores[1] - scores[0])
    assert sorted(differences)[50] == pytest.approx(row["low"], abs=0.2)
    assert sorted(differences)[-51] == pytest.approx(row["high"], abs=0.2)


def test_another_model_or_test_set_is_refused(folders, tmp_path):
    sentences, talks = folders
    other = shutil.copytree(talks, tmp_path / "other")
    results = json.loads((other / "results.json").read_text())
    results["environment"]["model"] = "another"
    (other / "results.json").write_text(json.dumps(results))
    with pytest.raises(InputError, match=r"expected the model of .* found another"):
        compare(read(sentences), read(other))
    results["environment"]["model"] = read(sentences).results["environment"]["model"]
    results["simul"] = [run | {"point": 9} for run in results["simul"][:1]]
    shutil.copytree(other / "runs" / "wait-segment-1", other / "runs" / "wait-segment-9")
    (other / "results.json").write_text(json.dumps(results))
    with pytest.raises(InputError, match=r"expected a run that .* has, found none"):
        compare(read(sentences), read(other))


def test_talks_have_no_spaces_between_the_characters_of_a_reference():
    def evaluated(reference):
        one = SimpleNamespace(reference=reference, prediction="今天 iPhone 下雨。")
        run = {"LAAL": 1000.0, "LongLAAL": 900.0}
        return Evaluated(Path("x"), {"environment": {"model": "m", "target_language": "zh"},
                                     "simul": [{"policy": "wait-k", "point": 3, **run}]}, {("wait-k", 3): [one]})

    [row] = compare(evaluated("今天 iPhone 下雨。"), evaluated("今天iPhone下雨。"))
    assert (row["sentences"], row["talks"]) == (pytest.approx(100), pytest.approx(100))
    with pytest.raises(InputError, match="expected the 1 references of x, in their order"):
        compare(evaluated("今天 iPhone 下雨。"), evaluated("今天下雨。"))
