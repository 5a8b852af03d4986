"""evaluate.sh --long-form: whole talks, resumable, the same for any processes, and compare.sh on what it leaves."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from mgcm_fairseq.commands.compare import main as compare
from mgcm_fairseq.commands.evaluate import main
from mgcm_fairseq.data.audio import AudioSpan
from mgcm_fairseq.data.manifest import Utterance, read_manifest, write_manifest
from mgcm_fairseq.evaluation.logs import run_name
from mgcm_fairseq.evaluation.long_form.stream_laal import has_mweralign
from tests.commands.evaluated import logs, plain_scores
from tests.evaluation.long_form import omnistevals

PAUSE = np.zeros(8_000, dtype=np.float32)
TALKS = ((0, 1), (2, 3), (4,))  # the test set's sentences


@pytest.fixture(scope="module")
def talks(tiny_corpus, tmp_path_factory):
    """A test set of three short talks, which has no vocabulary of its own."""
    folder, found = tmp_path_factory.mktemp("talks"), read_manifest(tiny_corpus / "tst-COMMON.tsv")
    rows = []
    for number, indices in enumerate(TALKS):
        wav, samples = folder / f"talk_{number}.wav", PAUSE
        for index in indices:
            one = found[index]
            rows.append(Utterance(one.id, AudioSpan(wav, len(samples), one.n_frames), one.n_frames, one.src_text,
                                  one.tgt_text, one.speaker, "en", "de"))
            samples = np.concatenate([samples, one.audio.read(), PAUSE])
        soundfile.write(wav, samples, 16_000)
    write_manifest(folder / "tst-COMMON.tsv", rows)
    return folder


@pytest.fixture(scope="module")
def command(talks, tiny_segmenting_checkpoint):
    return ["--long-form", "--checkpoint", str(tiny_segmenting_checkpoint), "--corpus", str(talks),
            "--run", "wait-segment:1 --sentences model", "--run",
            "soon=wait-k:3 --step-ms 640 --sentences model"]


@pytest.fixture(scope="module")
def evaluated(command, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation") / "out"
    assert main([*command, "--processes", "1", "--out", str(folder)]) == 0
    return folder


def test_what_is_written(evaluated):
    results = json.loads((evaluated / "results.json").read_text())
    setting = results["environment"]
    assert (setting["talks"], setting["utterances"], setting["long_form"]) == (3, 5, True)
    assert {"omnisteval", "commit", "cpu", "gpu", "torch", "dtype", "source_segment_size_ms"} <= setting.keys()
    assert [(one["policy"], one["point"], one["options"]) for one in results["simul"]] == [
        ("soon", 3, "--step-ms 640 --sentences model --long-form"),
        ("wait-segment", 1, "--sentences model --long-form")]
    for one in results["simul"]:
        assert ("StreamLAAL" in one) == ("StreamLAAL_CA" in one) == has_mweralign()
        assert {"BLEU", "chrF", "LongYAAL", "LongDAL_CA", "band", "empty", "negative_delays", "RTF"} <= one.keys()
    table = " ".join((evaluated / "table.md").read_text().split())
    assert "3 talks of 5 sentences in reads of" in table
    assert ("pip install -c constraints.txt -e '.[simulstream]'" in table) != has_mweralign()
    for name, reason in setting["refused"].items():
        assert f"Latency of {name} is refused: {reason}." in table
    assert {"bleu_longyaal.png", "bleu_longyaal.svg", "talks.json", "references.txt"} <= {
        path.name for path in evaluated.iterdir()}


def test_a_log_holds_a_talk_a_line(evaluated, talks):
    log = evaluated / "runs" / "wait-segment-1" / "instances.log"
    for number, record in enumerate(map(json.loads, log.read_text().splitlines())):
        length = soundfile.info(talks / f"talk_{number}.wav").frames / 16
        assert (record["index"], record["source"], record["source_length"]) == (number, [f"talk_{number}.wav"], length)
        assert len(record["prediction"].split()) == len(record["delays"]) == len(record["elapsed"])
        assert all(delay % 320 == 0 or delay == length for delay in record["delays"])
        assert all(delay <= elapsed for delay, elapsed in zip(record["delays"], record["elapsed"], strict=True))
        assert record["elapsed"] == sorted(record["elapsed"])


def test_omnistevals_own_command_reads_the_log_and_gives_our_figures(evaluated, tmp_path, monkeypatch):
    compared = 0
    for ours in json.loads((evaluated / "results.json").read_text())["simul"]:
        log = evaluated / "runs" / run_name(ours["policy"], ours["point"]) / "instances.log"
        theirs = omnistevals.figures(monkeypatch, evaluated, log, tmp_path / log.parent.name)
        for name, value in theirs.items():
            if ours[name] is not None:  # the latency of a run may be refused
                assert ours[name] == pytest.approx(value, abs=0.06), name
                compared += 1
    assert compared >= 4


def test_taken_up_by_other_processes_it_writes_the_same(command, evaluated, tmp_path):
    folder = shutil.copytree(evaluated, tmp_path / "copy")
    whole = folder / "runs" / "wait-segment-1" / "instances.log"
    lines = whole.read_text().splitlines(keepends=True)
    whole.with_suffix(".part").write_text(lines[1] + lines[0][:40])  # as a kill in the midst of a line leaves it
    whole.unlink()
    shutil.rmtree(folder / "runs" / "soon-3")
    assert main([*command, "--processes", "2", "--out", str(folder)]) == 0
    assert whole.read_text().splitlines(keepends=True)[1] == lines[1], "it translated the talk again"
    assert logs(folder) == logs(evaluated)
    assert plain_scores(folder) == plain_scores(evaluated)


def test_what_it_leaves_can_be_compared(evaluated, tmp_path, capsys):
    other = shutil.copytree(evaluated, tmp_path / "other")
    results = json.loads((other / "results.json").read_text())
    results["environment"]["model"] = "another"
    results["simul"][1]["LongYAAL"] = None  # as of a run whose latency is refused
    (other / "results.json").write_text(json.dumps(results))
    assert compare([f"ours={evaluated}", f"theirs={other}", "--resamples", "20", "--out", str(tmp_path / "c")]) == 0
    found = json.loads((tmp_path / "c" / "compare.json").read_text())
    assert (found["latency"], found["bootstrap"]["latency"], found["bootstrap"]["sentences"]) == (
        "LongYAAL", "LongYAAL", 5)
    tests = found["bootstrap"]["same_point"]
    assert [test["BLEU"]["difference"] for test in tests] == [0, 0]
    assert (tests[1]["gap"], tests[1]["LongYAAL"]["p"], tests[1]["LongYAAL"]["left_out"]) == (None, None, 5)
    assert "They are resampled one by one" in capsys.readouterr().out


@pytest.mark.parametrize(("options", "says"), [
    (["--run", "offline:1 --sentences model"], "--long-form: expected a policy that translates while a sentence is"),
    (["--split", "dev"], "dev.tsv: expected a manifest, found no such file"),
    (["--source-segment-size", "640"], "settings.json: expected source_segment_size_ms 640, found 320"),
])
def test_bad_input_is_named(command, evaluated, tmp_path, capsys, options, says):
    folder = shutil.copytree(evaluated, tmp_path / "copy")
    assert main([*command, *options, "--out", str(folder)]) == 2
    assert says in capsys.readouterr().err


def test_sentences_and_talks_are_not_mixed(evaluated, command, tiny_corpus, tmp_path, capsys):
    sentences = [part for part in command if part != "--long-form"]
    sentences[sentences.index("--corpus") + 1] = str(tiny_corpus)
    assert main([*sentences, "--out", str(shutil.copytree(evaluated, tmp_path / "copy"))]) == 2
    assert "settings.json: expected test_set" in capsys.readouterr().err
