"""scripts/evaluate.sh on a model that writes Chinese: as SimulEval with characters for units, without an option."""

import json

import pytest

from tests.commands.evaluated import PLAIN, logs, plain_scores
from tests.fixtures import BIN, REPOSITORY, run

RUNS = ["wait-segment:1,1000", "wait-k:2", "offline:1"]


@pytest.fixture(scope="module")
def evaluated(tiny_chinese_corpus, tiny_chinese_checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation") / "out"
    done = run("bash", "scripts/evaluate.sh", "--checkpoint", tiny_chinese_checkpoint, "--corpus", tiny_chinese_corpus,
               *(part for text in RUNS for part in ("--run", text)), "--processes", "1", "--out", folder)
    return folder, done.stdout


def test_each_character_has_a_delay(evaluated):
    folder, _ = evaluated
    for log in logs(folder).values():
        for one in log:
            assert len(one["prediction"]) == len(one["delays"]) == one["prediction_length"]


def test_an_unbounded_lag_writes_the_offline_text(evaluated):
    texts = {name: [one["prediction"] for one in log] for name, log in logs(evaluated[0]).items()}
    assert texts["wait-segment-1000"] == texts["offline-1"]


def test_simulevals_own_program_writes_the_same_log_and_scores(evaluated, tiny_chinese_corpus, tiny_chinese_checkpoint,
                                                               tmp_path):
    lists = tiny_chinese_corpus / "simuleval"
    run(BIN / "simuleval", "--agent", REPOSITORY / "mgcm_fairseq" / "agents" / "wait_k.py", "--checkpoint",
        tiny_chinese_checkpoint, "--wait-k", "2", "--source", lists / "tst-COMMON.source", "--target",
        lists / "tst-COMMON.target", "--source-segment-size", "320", "--output", tmp_path, "--latency-metrics", "AL",
        "LAAL", "AP", "DAL", "ATD", "--eval-latency-unit", "char", "--sacrebleu-tokenizer", "zh")
    theirs = [json.loads(line) for line in (tmp_path / "instances.log").read_text().splitlines()]
    assert logs(evaluated[0])["wait-k-2"] == [{name: one[name] for name in PLAIN} for one in theirs]
    header, values = (line.split("\t") for line in (tmp_path / "scores.tsv").read_text().splitlines())
    [ours] = [one for one in plain_scores(evaluated[0]) if one.get("policy") == "wait-k"]
    assert ours["BLEU"] > 0
    for name, value in zip(header, map(float, values), strict=True):
        assert ours[name] == pytest.approx(value, abs=0.06), name


def test_the_table_says_what_was_counted(evaluated):
    folder, printed = evaluated
    results = json.loads((folder / "results.json").read_text())
    assert (results["environment"]["target_language"], results["environment"]["latency_unit"]) == ("zh", "char")
    assert "latency else in ms, that of characters." in printed
    assert "tok:zh" in printed
