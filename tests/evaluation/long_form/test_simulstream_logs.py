"""What simulstream logs of our agents gives our figures: by its own scorers, and by OmniSTEval."""

import json
import logging
import sys
from types import ModuleType

import pytest
from omnisteval.cli import main as omnisteval
from sacrebleu import corpus_bleu

pytest.importorskip("simulstream", reason="needs the extra `simulstream`")
pytest.importorskip("mweralign", reason="needs the extra `simulstream`")

from simulstream import inference
from simulstream.metrics import logger, score_latency, stats

from mgcm_fairseq.agents.choice import build_agent
from mgcm_fairseq.commands.export import agent_args, export
from mgcm_fairseq.data.languages import language
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.evaluation.instances import Instance
from mgcm_fairseq.evaluation.long_form.hearing import hear_talk
from mgcm_fairseq.evaluation.long_form.latency import long_latency
from mgcm_fairseq.evaluation.long_form.resegmentation import resegment
from mgcm_fairseq.evaluation.long_form.results import score
from mgcm_fairseq.evaluation.long_form.stream_laal import _cut, stream_laal
from mgcm_fairseq.evaluation.long_form.talks import read_talks, write_for_omnisteval
from mgcm_fairseq.evaluation.runs import Run

RUN = Run("wait-k", "wait-k", 1)
OPTIONS = ["--long-form", "--pause-ms", "200"]


@pytest.fixture(scope="module")
def talks(tiny_corpus):
    return read_talks(tiny_corpus, "tst-COMMON")


@pytest.fixture(scope="module")
def ours(talks, tiny_segmenting_checkpoint):
    """Our logs of the talks."""
    agent = build_agent("wait-k", 1, OPTIONS, tiny_segmenting_checkpoint, load_system(tiny_segmenting_checkpoint, None))
    wavs, references = [str(one.wav) for one in talks], [one.text("word") for one in talks]
    return [Instance(**{name: value for name, value in hear_talk(agent, wavs, references, index, 320).items()
                        if name not in ("source", "prediction_length")}) for index in range(len(talks))]


@pytest.fixture(scope="module")
def folder(talks, tiny_corpus, tiny_segmenting_checkpoint, tmp_path_factory):
    """system/ as an export leaves it, theirs.jsonl as simulstream, started there, logs it, and the test set."""
    folder = tmp_path_factory.mktemp("simulstream")
    args = agent_args("wait-k", tiny_segmenting_checkpoint, tiny_corpus, ["--wait-k", "1", *OPTIONS])
    export("wait-k", args, folder / "system")
    (folder / "list.txt").write_text("".join(f"{one.wav}\n" for one in talks))
    write_for_omnisteval(folder, talks)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "system")
        logger.METRICS_LOGGER.setLevel(logging.INFO)  # as its programs have it
        called(patch, inference.cli_main, "--speech-processor-config", "simulstream.yaml", "--wav-list-file",
               folder / "list.txt", "--metrics-log-file", folder / "theirs.jsonl")
    for handler in logger.METRICS_LOGGER.handlers:
        handler.close()
    logger.METRICS_LOGGER.handlers.clear()
    return folder


def called(patch, program, *arguments):
    """Runs a program in this process."""
    patch.setattr(sys, "argv", ["program", *map(str, arguments)])
    program()


def scored(talks, translations):
    return score(RUN, talks, translations, resegment(talks, translations, "word"), language("de"))


def of_log(folder, talks):
    """The log as ours would be: ms, and with `computing` alone behind what had been heard, as simulstream counts it."""
    lines = [json.loads(line) for line in (folder / "theirs.jsonl").read_text().splitlines()]
    found = []
    for number, one in enumerate(talks):
        reads = [line for line in lines if line.get("id") == number and "metadata" not in line]
        words = [(word, 1000 * line["total_audio_processed"], 1000 * line["computation_time"])
                 for line in reads for word in line["generated_tokens"]]
        found.append(Instance(number, " ".join(word for word, _, _ in words), [heard for _, heard, _ in words],
                              [heard + took for _, heard, took in words], one.text("word"),
                              1000 * reads[-1]["total_audio_processed"],
                              1000 * sum(line["computation_time"] for line in reads), 0.0))
    return found


def test_a_log_is_word_for_word_that_of_our_evaluation(folder, talks, ours):
    theirs = of_log(folder, talks)
    assert [one.prediction for one in theirs] == [one.prediction for one in ours]
    assert [one.delays for one in theirs] == [pytest.approx(one.delays) for one in ours]
    assert sum(len(one.delays) for one in ours) > 10


def test_omnisteval_gives_our_figures_of_it(folder, talks, ours, monkeypatch, tmp_path):
    called(monkeypatch, omnisteval, "longform", "--speech_segmentation", folder / "talks.json", "--ref_sentences_file",
           folder / "references.txt", "--hypothesis_file", folder / "theirs.jsonl", "--hypothesis_format",
           "simulstream", "--simulstream_config_file", folder / "system" / "simulstream.yaml", "--word_level",
           "--output_folder", tmp_path)
    theirs = dict(line.split("\t") for line in (tmp_path / "scores.tsv").read_text().splitlines()[1:])
    found = scored(talks, ours)
    latencies = long_latency(found.sentences)  # also where so weak a model's are refused
    aware = long_latency(scored(talks, of_log(folder, talks)).sentences, True)
    expected = {"BLEU": found.figures["BLEU"], "chrF": found.figures["chrF"],
                **{f"{name} (CU)": value for name, value in latencies.items()},
                **{f"{name} (CA)": value for name, value in aware.items()}}
    assert {name: float(value) for name, value in theirs.items()} == {
        name: pytest.approx(value, abs=0.06) for name, value in expected.items()}


def test_simulstreams_scorer_of_latency_gives_our_stream_laal(folder, talks, ours, monkeypatch, capsys):
    called(monkeypatch, score_latency.cli_main, "--eval-config", folder / "system" / "simulstream.yaml", "--log-file",
           folder / "theirs.jsonl", "--audio-definition", folder / "talks.json", "--reference",
           folder / "references.txt", "--scorer", "stream_laal")
    said = capsys.readouterr().out
    expected = stream_laal(talks, ours, "word")["StreamLAAL"]
    aware = stream_laal(talks, of_log(folder, talks), "word")["StreamLAAL_CA"]
    figures = dict(part.split("=") for part in said.partition("LatencyScores(")[2].partition(")")[0].split(", "))
    assert {name: 1000 * float(value) for name, value in figures.items()} == {
        "ideal_latency": pytest.approx(expected), "computational_aware_latency": pytest.approx(aware)}


def test_simulstreams_statistics_give_our_real_time_factor(folder, talks, monkeypatch, capsys):
    called(monkeypatch, stats.cli_main, "--eval-config", folder / "system" / "simulstream.yaml", "--log-file",
           folder / "theirs.jsonl")
    found = json.loads(capsys.readouterr().out.partition("Stats: ")[2])
    ours = scored(talks, of_log(folder, talks)).figures
    assert found["normalized_erasure"]["value"] == 0
    assert found["real_time_factor"]["value"] == pytest.approx(ours["RTF"], abs=0.001)


def test_simulstreams_scorer_of_quality_gives_bleu_of_our_sentences(folder, talks, ours, monkeypatch, capsys):
    if "comet" not in sys.modules:  # it imports COMET for every score
        comet = ModuleType("comet")
        comet.download_model = comet.load_from_checkpoint = None
        monkeypatch.setitem(sys.modules, "comet", comet)
    from simulstream.metrics import score_quality

    called(monkeypatch, score_quality.cli_main, "--eval-config", folder / "system" / "simulstream.yaml", "--log-file",
           folder / "theirs.jsonl", "--audio-definition", folder / "talks.json", "--references",
           folder / "references.txt", "--scorer", "sacrebleu")
    said = capsys.readouterr().out
    sentences = [one for talk, made in zip(talks, ours, strict=True) for one in _cut(talk, made, "word")]
    bleu = corpus_bleu([one.prediction for one in sentences], [[one.reference for one in sentences]]).score
    assert float(said.rpartition("sacrebleu score: ")[2]) == pytest.approx(bleu)
