"""The table of whole talks: what is refused is refused in every cell, and what is missing is explained."""

import pytest

from mgcm_fairseq.data.languages import language
from mgcm_fairseq.evaluation.long_form.resegmentation import resegment
from mgcm_fairseq.evaluation.long_form.results import assemble, score
from mgcm_fairseq.evaluation.long_form.table import table
from mgcm_fairseq.evaluation.plot import plot
from mgcm_fairseq.evaluation.runs import Run
from tests.evaluation.long_form.made_talks import END_MS, SENTENCES, on_time, talk, written

SETTING = {"source_segment_size_ms": 320, "dtype": "fp32", "device": "cpu", "processes": 2, "long_form": True,
           "target_language": "de", "differing": {"commit": ["a", "b"]}}
RUNS = {3: on_time(computing=500.0), 5: written(SENTENCES[2], [500.0] * 4),
        7: written(" ".join(SENTENCES), [END_MS] * 12)}


@pytest.fixture(scope="module")
def results():
    runs = {(run := Run("wait-k", "wait-k", point)): score(run, [talk()], [made], resegment([talk()], [made], "word"),
                                                          language("de"))
            for point, made in reversed(RUNS.items())}
    return assemble(runs, [talk()], SETTING)


def test_rows(results):
    lines = [line.strip("|").split("|") for line in table(results).splitlines() if line[:1] == "|"]
    rows = [[cell.strip() for cell in line] for line in lines]
    columns = {name: [row[index] for row in rows[2:5]] for index, name in enumerate(rows[0])}
    assert columns["point"] == ["3", "5", "7"]
    assert columns["LongYAAL (ms)"] == ["1000", "refused", "–"]
    assert columns["LongAP"] == ["0.88", "refused", "2.00"]
    assert columns["band"] == ["low", "none", "none"]
    assert columns["negative"] == ["0.0%", "100.0%", "0.0%"]
    assert columns["empty"] == ["0.0%", "66.7%", "0.0%"]
    assert columns["RTF"] == ["0.009"] * 3  # 60 ms of 7 s
    assert rows[5][0] == "computing time counted"
    assert [row[2] for row in rows[7:]] == ["1500", "refused", "–"]


def test_notes(results):
    setting = {**results["environment"], "uncounted": {"wait-k-7": "of one.wav mweralign made less"}}
    text = " ".join(table({**results, "environment": setting}).split())
    assert "StreamLAAL of wait-k-7 is not there: of one.wav mweralign made less." in text
    assert "1 talk of 3 sentences in reads of" in text
    assert "Latency of wait-k-5 is refused: 100.0% of its delays are negative, more than 5%." in text
    assert "No LongYAAL, since no word was written before the last sentence of its talk ended: wait-k-7." in text
    assert "LongYAAL leaves out words that were written at or after the end of their talk's last sentence: " \
           "wait-k-3 (16.7%)." in text
    assert "With computing time LongYAAL leaves out words that were ready at or after the end of their talk's last " \
           "sentence: wait-k-3 (25.0%)." in text
    assert "WARNING: hypotheses much shorter or longer than the references, which makes latencies incomparable: " \
           "wait-k-5 (0.33)." in text
    assert "WARNING: sentences without a word, which latencies leave out: wait-k-5 (66.7%)." in text
    assert "WARNING: the runs were translated with different commit: a, b." in text


@pytest.mark.parametrize(("first", "drawn"), [(0, True), (1, False)])
def test_the_curve_has_the_runs_that_have_a_latency(results, tmp_path, first, drawn):
    plot({**results, "simul": results["simul"][first:]}, tmp_path)
    text = (tmp_path / "bleu_longyaal.svg").read_text()
    assert "<!-- LongYAAL (ms) -->" in text
    assert ("<!-- wait-k -->" in text) == drawn
