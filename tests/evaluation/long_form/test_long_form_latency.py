"""Latencies of talks worked out by hand, with OmniSTEval's and simulstream's own scorers beside them."""

import json
import sys
from argparse import Namespace
from types import SimpleNamespace

import pytest

from mgcm_fairseq.data.languages import language
from mgcm_fairseq.evaluation.long_form.hearing import ready_times
from mgcm_fairseq.evaluation.long_form.latency import band, guards, long_latency
from mgcm_fairseq.evaluation.long_form.resegmentation import resegment
from mgcm_fairseq.evaluation.long_form.results import score
from mgcm_fairseq.evaluation.long_form.stream_laal import has_mweralign, stream_laal
from mgcm_fairseq.evaluation.long_form.talks import write_for_omnisteval
from mgcm_fairseq.evaluation.runs import Run
from tests.evaluation.long_form import omnistevals
from tests.evaluation.long_form.made_talks import END_MS, SENTENCES, on_time, talk, written

RUN = Run("wait-k", "wait-k", 3)
needs_mweralign = pytest.mark.skipif(not has_mweralign(), reason="mweralign is not installed (extra simulstream)")


def scored(*translations, talks=None):
    talks = talks or [talk()]
    return score(RUN, talks, translations, resegment(talks, translations, "word"), language("de"))


def test_a_talk_worked_by_hand():
    sentences = resegment([talk()], [on_time(computing=50.0)], "word")
    assert [one.prediction for one in sentences] == list(SENTENCES)
    assert sentences[1].emission_cu == [1000, 1500, 2000, 2500]
    assert long_latency(sentences)["LongYAAL"] == pytest.approx(1000)
    assert long_latency(sentences, True)["LongYAAL"] == pytest.approx(1050)
    # AP of a sentence: (1 + 1.5 + 2 + 2.5) / 2 / 4
    assert long_latency(sentences)["LongAP"] == pytest.approx(7 / 8)
    # The last two words come when the last sentence has ended, or later.
    assert guards(sentences) == {"empty": 0, "negative_delays": 0, "after_end": pytest.approx(2 / 12),
                                 "after_end_CA": pytest.approx(2 / 12)}


def test_words_are_counted_that_are_ready_when_the_talk_has_ended():
    [*_, last] = sentences = resegment([talk()], [on_time(computing=600.0)], "word")
    assert last.emission_ca == pytest.approx([1600, 2100, 2600, 3100])
    assert last.time_to_recording_end == 2000
    assert (guards(sentences)["after_end"], guards(sentences)["after_end_CA"]) == (
        pytest.approx(2 / 12), pytest.approx(3 / 12))
    late = scored(on_time(computing=9000.0))
    assert (late.figures["LongYAAL"], late.figures["LongYAAL_CA"]) == (pytest.approx(1000), None)
    assert late.figures["after_end_CA"] == 1


def test_talks_are_told_apart():
    figures = scored(on_time(), on_time(2000.0), talks=[talk("one"), talk("two")]).figures
    assert figures["BLEU"] == pytest.approx(100)
    # All words of the second talk's last sentence come when the talk has ended, so that it does not count.
    assert figures["LongYAAL"] == pytest.approx((3 * 1000 + 2 * 2000) / 5)
    assert figures["band"] == "low"


def test_an_early_stop_is_refused():
    early = scored(written(SENTENCES[2], [500.0] * 4))
    assert early.figures["LongYAAL"] is early.figures["LongLAAL_CA"] is None
    assert early.figures["band"] == "none"
    assert early.figures["negative_delays"] == 1
    assert early.figures["empty"] == pytest.approx(2 / 3, abs=1e-4)
    assert early.figures["length_ratio"] == pytest.approx(1 / 3, abs=1e-3)
    assert early.refused == ("100.0% of its delays are negative, more than 5%. Text that stops early, or that the "
                             "references do not match, would look quick")


@pytest.mark.parametrize(("early", "refused"), [(1, False), (2, True)])  # of 24 words
def test_one_negative_delay_in_twenty_is_let_pass(early, refused):
    delays = [1000.0 + 500 * index for index in range(12)]
    delays[4:4 + early] = [1990.0] * early
    words = " ".join(SENTENCES)
    found = scored(on_time(), written(words, delays), talks=[talk("one"), talk("two")])
    assert (found.figures["LongYAAL"] is None) == bool(found.refused) == refused


def test_all_at_the_end_is_no_latency():
    late = scored(written(" ".join(SENTENCES), [END_MS] * 12))
    assert late.figures["LongYAAL"] is None
    assert late.figures["after_end"] == 1
    assert late.figures["BLEU"] == pytest.approx(100)
    assert late.refused is None
    assert late.figures["band"] == "none"


def test_an_empty_translation_has_no_latency():
    empty = scored(written("", []))
    assert (empty.figures["BLEU"], empty.figures["empty"], empty.figures["length_ratio"]) == (0, 1, 0)
    assert empty.figures["LongYAAL"] is empty.figures["negative_delays"] is None
    assert empty.figures["after_end"] is empty.figures["after_end_CA"] is None
    half = scored(written("", []), on_time(), talks=[talk("one"), talk("two")])
    assert half.figures["LongYAAL"] == pytest.approx(1000)
    assert half.figures["empty"] == 0.5


def test_characters_where_there_are_no_words():
    sentences = ("今天下雨。", "明天有客人。")
    text = "".join(sentences)
    talks, translations = [talk(sentences=sentences)], [
        written(text, [100.0 * index + 900 for index in range(len(text))], unit="char")]
    found = score(RUN, talks, translations, resegment(talks, translations, "char"), language("zh"))
    assert found.figures["BLEU"] == pytest.approx(100)
    assert [one.prediction for one in found.sentences] == list(sentences)
    # Sentences of 5 and 6 characters in 2 s: 400 and 333 ms each; the second begins with character 5, 600 ms early.
    assert found.refused == ("54.5% of its delays are negative, more than 5%. Text that stops early, or that the "
                             "references do not match, would look quick")
    assert long_latency(found.sentences)["LongYAAL"] == pytest.approx(
        ((900 - 300 * 2) + (-600 - (1000 / 3 - 100) * 2.5)) / 2)


@pytest.mark.parametrize(("long_yaal", "name"), [(None, "none"), (-1, "none"), (0, "low"), (2000, "low"),
                                                 (2000.1, "high"), (4000, "high"), (4000.1, "none")])
def test_bands(long_yaal, name):
    assert band(long_yaal) == name


def test_a_sentence_without_a_reference_leaves_no_space_in_the_talks_text():
    assert talk(sentences=("", "A  b.", "", "C.", "")).text("word") == "A b. C."
    assert talk(sentences=("", "天", "气")).text("char") == "天气"


def test_a_read_waits_for_the_one_before_it():
    assert ready_times([320, 640, 960, 1280], [100, 700, 10, 5]) == [420, 1340, 1350, 1355]


def test_omnistevals_own_command_gives_our_figures(tmp_path, monkeypatch):
    talks = [talk("one"), talk("two")]
    noisy = written("Heute regnet stark. Morgen vielleicht Besuch. Dann fahren wir alle weg.",
                    [300, 900, 1200, 2500, 2800, 3900, 4100, 4500, 5200, 6000, 6100], 333.3)
    found = scored(noisy, on_time(700.0), talks=talks)
    write_for_omnisteval(tmp_path, talks)
    log = tmp_path / "instances.log"
    log.write_text("".join(json.dumps({"source": [one.wav.name], "prediction": made.prediction, "delays": made.delays,
                                       "elapsed": made.elapsed, "source_length": made.source_length}) + "\n"
                           for one, made in zip(talks, (noisy, on_time(700.0)), strict=True)))
    theirs = omnistevals.figures(monkeypatch, tmp_path, log, tmp_path / "theirs")
    assert len(theirs) == 12
    for name, value in theirs.items():
        assert found.figures[name] == pytest.approx(value, abs=0.06), name


@needs_mweralign
def test_stream_laal_by_hand(capfd):
    assert stream_laal([talk("one"), talk("two")], [on_time(), on_time(2000.0, 80.0)], "word") == {
        "StreamLAAL": pytest.approx(1500), "StreamLAAL_CA": pytest.approx(1540)}
    assert stream_laal([talk()], [written("", [])], "word") == {"StreamLAAL": None, "StreamLAAL_CA": None}
    odd = stream_laal([talk()], [written("Heute ### regnet", [700.0, 800.0, 900.0])], "word")
    assert odd["StreamLAAL"] > 0
    assert capfd.readouterr().err == ""


@needs_mweralign
def test_stream_laal_of_characters():
    sentences = ("今天 iPhone 下雨。", "明天有客人。")
    text = "".join(sentences).replace(" ", "")
    delays = [1000.0 + 2000 / 11 * index for index in range(11)] + [3000.0 + 2000 / 6 * index for index in range(6)]
    found = stream_laal([talk(sentences=sentences)], [written(text, delays, unit="char")], "char")
    assert found["StreamLAAL"] == pytest.approx(1000)


@needs_mweralign
@pytest.mark.parametrize(("last", "text"), [
    ("", "a b"),  # mweralign drops an empty last line
    ("c", "a ### b"), ("c", "###"), ("### c", "a b"), ("</s> c", "a b"), ("c", "</s> </S>"), ("c", "\x1c"), ("c", ""),
])
def test_no_word_disturbs_mweralign(last, text):
    found = written(text, [100.0] * len(text.split()))
    value = stream_laal([talk(sentences=("a b", last))], [found], "word")["StreamLAAL"]
    assert (value is None) == (not text.split())


@needs_mweralign
@pytest.mark.parametrize("text", ["今 天", "今###天", "###", "今\t天", "\n", "今\r\n天", "▁", "今\x00", "a b今", "</s>",
                                  ""])
def test_no_character_disturbs_mweralign(text):
    count = len(text.replace(" ", ""))
    found = written(text, [100.0] * count, unit="char")
    value = stream_laal([talk(sentences=("今天", "### a", "</s>", ""))], [found], "char")["StreamLAAL"]
    assert (value is None) == (not count)


def test_a_talk_that_mweralign_cuts_otherwise_costs_one_figure(monkeypatch):
    monkeypatch.setitem(sys.modules, "mweralign", SimpleNamespace(align_texts=lambda references, text: text[:-5]))
    monkeypatch.setattr("mgcm_fairseq.evaluation.long_form.results.has_mweralign", lambda: True)
    found = scored(on_time())
    assert found.figures["LongYAAL"] == pytest.approx(1000)
    assert found.figures["StreamLAAL"] is found.figures["StreamLAAL_CA"] is None
    assert found.uncounted == "of one.wav mweralign made 11 words in 3 sentences, of 12 in 3"


def test_simulstreams_scorer_gives_our_stream_laal():
    scorer = pytest.importorskip("simulstream.metrics.scorers.latency.stream_laal", reason="no extra simulstream")
    samples = pytest.importorskip("simulstream.metrics.scorers.latency").LatencyScoringSample
    readers = pytest.importorskip("simulstream.metrics.readers")
    noisy = written("Heute regnet stark. Morgen vielleicht Besuch. Dann fahren wir alle weg.",
                    [300, 900, 1200, 2500, 2800, 3900, 4100, 4500, 5200, 6000, 6100], 333.3)
    one = samples("one", readers.OutputWithDelays(noisy.prediction, [delay / 1000 for delay in noisy.delays],
                                                  [elapsed / 1000 for elapsed in noisy.elapsed]),
                  [readers.ReferenceSentenceDefinition(text, 2 * rank, 2) for rank, text in enumerate(SENTENCES)])
    theirs = scorer.StreamLaal(Namespace(latency_unit="word")).score([one])
    ours = stream_laal([talk()], [noisy], "word")
    assert ours["StreamLAAL"] == pytest.approx(theirs.ideal_latency * 1000)
    assert ours["StreamLAAL_CA"] == pytest.approx(theirs.computational_aware_latency * 1000)
